"""The table of results, and where it stands in a page."""

import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from outcomes.cases import Case

COLUMNS = (
    "experiment",
    "metric",
    "test (95 % interval)",
    "asked",
    "trivial baseline",
    "best of `rondo compare`",
    "published or known",
    "released",
    "minutes",
    "memory",
)
START, END = "<!-- results: benchmarks/results.py -->", "<!-- end of results -->"


def lines_of(
    cases: Iterable[Case], rows: list[dict[str, Any]], name: str | None = None
) -> list[tuple[str, ...]]:
    """A line for each metric of each case that has rows, in the order of the cases.

    Of several seeds it shows the mean, and the lowest and the highest in place of the interval.

    Args:
        cases: of benchmarks/results.yaml.
        rows: of the JSON file.
        name: of one case, if only that is wanted.
    """
    lines = []
    for case in cases:
        mine = [row for row in rows if row["name"] == case.name]
        if not mine or name not in (None, case.name):
            continue
        for place, (metric, bar) in enumerate(case.metrics.items()):
            first = (f"[{case.name}]({case.file}.yaml)", metric)
            figures = (
                _figure(mine, metric),
                _asked(mine, metric, bar),
                _number(_mean(mine, f"{metric}_baseline")),
                _best_baseline(mine, metric),
            )
            last = (case.beside, _released(mine, case), _minutes(mine, case), _memory(mine))
            lines.append((*first, *figures, *(last if place == 0 else ("", "", "", ""))))
    return lines


def write_between_marks(page: Path, cases: list[Case], rows: list[dict[str, Any]]) -> None:
    """Writes the table into a page, in the place of what stands between the marks.

    Raises:
        ValueError: the page has no marks.
    """
    text = page.read_text(encoding="utf-8")
    if START not in text or END not in text:
        raise ValueError(f"{page}: has no lines {START} and {END} to write the table between")
    before, after = text.partition(START)[0], text.partition(END)[2]
    lines = (COLUMNS, ("---",) * len(COLUMNS), *lines_of(cases, rows))
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    page.write_text(f"{before}{START}\n{table}{END}{after}", encoding="utf-8")


def _mean(rows: list[dict[str, Any]], metric: str) -> float:
    return statistics.fmean(row["metrics"][metric] for row in rows)


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"


def _figure(rows: list[dict[str, Any]], metric: str) -> str:
    values = [row["metrics"][metric] for row in rows]
    if len(rows) == 1:
        low, high = (rows[0]["metrics"][f"{metric}_{end}"] for end in ("low", "high"))
        return f"{_number(values[0])} ({_number(low)} to {_number(high)})"
    spread = f"{_number(min(values))} to {_number(max(values))}"
    return f"{_number(_mean(rows, metric))} (of {len(rows)} seeds {spread})"


def _asked(rows: list[dict[str, Any]], metric: str, bar: float | None) -> str:
    if bar is None:
        return ""
    above = rows[0]["higher_is_better"][metric]
    met = _mean(rows, metric) >= bar if above else _mean(rows, metric) <= bar
    return f"{'>=' if above else '<='} {bar:g}: {'met' if met else '**missed**'}"


def _best_baseline(rows: list[dict[str, Any]], metric: str) -> str:
    """Of the last seed that was compared."""
    compared = next((row["compared"] for row in reversed(rows) if row["compared"]), {})
    known = {model: metrics[metric] for model, metrics in compared.items() if metric in metrics}
    if not known:
        return ""
    best = (max if rows[0]["higher_is_better"][metric] else min)(known, key=known.__getitem__)
    return f"{_number(known[best])} ({best})"


def _released(rows: list[dict[str, Any]], case: Case) -> str:
    blessed = {row["blessed"] for row in rows}
    said = "yes" if blessed == {True} else "no" if blessed == {False} else "of some seeds"
    return said + (", as expected" if case.refused and blessed == {False} else "")


def _minutes(rows: list[dict[str, Any]], case: Case) -> str:
    taken = max(row["minutes"] for row in rows)
    processor = max(row["processor_minutes"] for row in rows)
    asked = ""
    if case.minutes is not None:
        met = "met" if taken <= case.minutes else "**missed**"
        asked = f", <= {case.minutes:g}: {met}"
    return f"{taken:.1f} ({processor:.1f} of processor time){asked}"


def _memory(rows: list[dict[str, Any]]) -> str:
    return f"{max(row['memory_mib'] for row in rows) / 1024:.1f} GB"
