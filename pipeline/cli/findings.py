"""The data gate's table: what was found, what was expected, what came, rows that show it."""

import os
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.validate.findings import Finding

MARKS = {"stop": "[red]✗[/]", "warn": "[yellow]![/]"}
COLUMNS = ("split", "feature", "check", "expected", "came")


def show_findings(console: Console, findings: Sequence[dict[str, Any]]) -> None:
    """Prints the table, with the rows that show a finding below it; nothing if none was found.

    Args:
        console: where to.
        findings: see ``components.validate.findings.Finding``.
    """
    found = [Finding.from_dict(finding) for finding in findings]
    cells = [
        (finding.split or "all", finding.feature, finding.check, finding.expected, finding.came)
        for finding in found
    ]
    if not cells:
        return
    # One width for all: each finding is a table of its own, since its rows need the whole line.
    widths = [max(map(len, column)) for column in zip(COLUMNS, *cells, strict=True)]
    room = max(20, console.width - sum(widths[:3]) - 2 * len(COLUMNS) - 3)
    widths[3] = min(widths[3], max(10, room - min(widths[4], room // 2)))
    widths[4] = min(widths[4], max(10, room - widths[3]))
    console.print(_line("", COLUMNS, widths, "dim"))
    for finding, texts in zip(found, cells, strict=True):
        console.print(_line(MARKS[finding.level], texts, widths))
        for row, value in finding.rows:
            line = f"    [dim]{escape(f'{_near(row)}  {value}'.rstrip())}[/]"
            console.print(line, soft_wrap=True)


def _line(mark: str, texts: Sequence[str], widths: Sequence[int], style: str = "") -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=1)
    for width in widths:
        table.add_column(width=width, overflow="fold", style=style)
    table.add_row(mark, *map(escape, texts))
    return table


def _near(location: str) -> str:
    """A location, from where the command runs on if it lies below."""
    if not os.path.isabs(location):
        return location
    relative = os.path.relpath(location)
    return location if relative.startswith(os.pardir) else relative
