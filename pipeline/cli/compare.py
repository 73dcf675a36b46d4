"""``rondo compare``: the experiment's network and its baselines in one table."""

import os
import sys
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    add_import_folders,
    home_option,
    plain_errors,
    screen_and_log,
    set_option,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pipeline.compare import Row
    from pipeline.experiment import Experiment
    from pipeline.runs import RunRecord
    from pipeline.workspace import Workspace

JUDGED = ("blessed", "refused")
METRICS_SIDE_BY_SIDE = 5
"""More of them stand below each other."""


@click.command("compare")
@click.argument("experiment", metavar="FILE")
@set_option
@home_option
@plain_errors
def command(experiment: str, overrides: tuple[str, ...], home: str) -> None:
    """Trains the network of the experiment FILE and its baselines, and prints one table.

    The network is trained by `rondo run FILE`, which runs nothing that is unchanged; the baselines
    see the same splits, and stay until examples or code change.  In place of a file the NAME of an
    experiment takes its last judged run as it is.

    Exits with 0 once the table is printed, whether the model was blessed or not; else as
    `rondo run` does.
    """
    from pipeline.cli.latest import latest_judged

    if _is_file(experiment):
        name = _run(experiment, overrides, home)
    elif overrides:
        raise click.UsageError(
            f"--set changes an experiment file, and {experiment} is the name of one that ran "
            "(name the file)"
        )
    else:
        name = experiment
    found, place, record = latest_judged(name, home)
    with screen_and_log(place.history / record.run / "compare.txt") as console:
        show_comparison(console, found, place, record)


def _is_file(argument: str) -> bool:
    """Whether a file is meant; the name of an experiment has neither dot nor slash."""
    return os.path.isfile(argument) or "." in argument or os.sep in argument


def _run(file: str, overrides: tuple[str, ...], home: str) -> str:
    """Runs the pipeline, and ends the command where that gives no verdict; gives the name."""
    from pipeline.cli.run import run_experiment
    from pipeline.comparable import check_comparable
    from pipeline.experiment import load

    add_import_folders(file)
    check_comparable(load(file, overrides))
    status, record = run_experiment(file, overrides, home)
    if record.state not in JUDGED:
        sys.exit(status)
    return record.experiment


def show_comparison(
    console: "Console", experiment: "Experiment", place: "Workspace", record: "RunRecord"
) -> None:
    """Makes what is not kept, showing how far it is, and prints the table."""
    from rich.markup import escape

    with console.status("loading the baselines") as status:
        from pipeline.compare import TABLE, compare

        def told(model: str, far: str) -> None:
            status.update(escape(f"{model}  {far}".rstrip()))

        def made(row: "Row") -> None:
            if row.missing:
                said = f"{row.model} could not be made: {row.missing}"
                console.print(f"[yellow]note:[/] {escape(said)}", soft_wrap=True)
            elif not row.kept:
                line = f" [green]✓[/] {escape(row.model)} [dim]{row.seconds:.1f} s[/]"
                console.print(line, soft_wrap=True)

        rows = compare(experiment, place, record, told, made)
    console.print(comparison_table(rows))
    if any(row.kept for row in rows):
        console.print("[dim]= kept from before: its data, options and code are unchanged[/]")
    file = os.path.relpath(place.history / record.run / TABLE)
    console.print(f"table  {escape(file)}", soft_wrap=True)
    if any(row.table for row in rows):
        picture = os.path.splitext(file)[0] + ".png"
        console.print(f"figure {escape(picture)}", soft_wrap=True)


def comparison_table(rows: "list[Row]") -> "Table":
    """The rows as a table: metrics on the test split, parameters, seconds, what was kept.

    Many metrics stand below each other, with a column for each model.
    """
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("test split", no_wrap=True)
    # The last row is the network's, which always has them.
    metrics = list(rows[-1].metrics)
    if len(metrics) > METRICS_SIDE_BY_SIDE:
        for row in rows:
            table.add_column(escape(f"{row.model}{' =' if row.kept else ''}"), justify="right")
        for name in metrics:
            figures = (f"{row.metrics[name]:.4f}" if row.metrics else "-" for row in rows)
            table.add_row(escape(name), *figures)
        for name, shape in (("parameters", ","), ("seconds", ".1f")):
            values = (getattr(row, name) for row in rows)
            table.add_row(name, *("-" if value is None else f"{value:{shape}}" for value in values))
        return table
    for name in (*metrics, "parameters", "seconds"):
        table.add_column(escape(name), justify="right", overflow="fold")
    table.add_column("")
    for row in rows:
        table.add_row(
            escape(row.model),
            *(f"{row.metrics[name]:.4f}" if row.metrics else "-" for name in metrics),
            "-" if row.parameters is None else f"{row.parameters:,}",
            "-" if row.seconds is None else f"{row.seconds:.1f}",
            "=" if row.kept else "",
        )
    return table
