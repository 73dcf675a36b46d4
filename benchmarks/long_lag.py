"""Shows what each cell remembers, and for how long: ``python benchmarks/long_lag.py``.

Trains the cells on tasks that need memory over T steps, each case in a process of its own on one
thread.  Results go to a JSON file as each case ends, so Ctrl-C loses only the cases that are
running; run again, the cases that it holds are skipped.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from memory import mnist
from memory.cases import Case, chosen, most_minutes
from memory.records import COLUMNS, Records, cells, machine, markdown
from memory.runner import Progress, run
from rich.console import Console
from rich.table import Table

REPORT_SECONDS = 20.0
"""How long a case is silent between two lines of progress."""


def options(arguments: list[str] | None) -> argparse.Namespace:
    """The command line's."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help="a few cases, under 4 minutes")
    extent.add_argument("--long", action="store_true", help="T of 1000 and 5000 instead: hours")
    extent.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="TASK[:CELL[:T]]",
        help="cases that fit, of all, the long ones too; may be given again",
    )
    parser.add_argument("--seed", type=int, default=1, help="of weights and sequences (1)")
    parser.add_argument("--processes", type=int, default=2, help="cases at a time (2)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs/long_lag"),
        metavar="DIR",
        help="gets results.json and results.md (runs/long_lag)",
    )
    parser.add_argument("--again", action="store_true", help="also cases that results.json holds")
    parser.add_argument(
        "--mnist",
        type=Path,
        default=mnist.kept_by_keras(),
        metavar="FOLDER",
        help="with MNIST's four IDX files; left out, Keras's download is used (%(default)s)",
    )
    parsed = parser.parse_args(arguments)
    if parsed.processes < 1:
        parser.error(f"--processes is {parsed.processes}; at least 1 case runs at a time")
    return parsed


class Screen:
    """Lines of progress, and the table at the end."""

    def __init__(self) -> None:
        self.console = Console(emoji=False)
        self._said: dict[str, float] = {}

    def report(self, case: Case, progress: Progress) -> None:
        """One line, unless the case had one a moment ago."""
        now = time.monotonic()
        if now - self._said.setdefault(case.name, now) < REPORT_SECONDS:
            return
        self._said[case.name] = now
        self.say(
            f"{case.name}  step {progress.step:,} of {case.steps:,}  loss {progress.loss:.4f}  "
            f"{progress.minutes:.1f} of {case.minutes:g} minutes"
        )

    def say(self, text: str) -> None:
        """A line with the time before it."""
        self.console.print(f"{time.strftime('%H:%M:%S')}  {text}", markup=False, soft_wrap=True)

    def table(self, rows: list[dict[str, Any]], notes: list[str]) -> None:
        """The rows, and below them what is missing."""
        table = Table(*COLUMNS)
        for row in rows:
            table.add_row(*cells(row))
        self.console.print(table)
        for note in notes:
            self.console.print(note, markup=False, soft_wrap=True)


def main(arguments: list[str] | None = None) -> int:
    """Runs what is asked for; 0 if every case has a row, 1 if one failed, 130 after Ctrl-C."""
    wanted = options(arguments)
    screen = Screen()
    try:
        cases = chosen(wanted.quick, wanted.long, wanted.only)
        records = Records(wanted.output / "results.json")
    except ValueError as error:
        screen.console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 2
    notes: list[str] = []
    problem = mnist.missing(wanted.mnist)
    if problem and any(case.task == "mnist" for case in cases):
        cases = [case for case in cases if case.task != "mnist"]
        notes.append(f"mnist is left out: {problem}")
        screen.say(notes[-1])
    known = [] if wanted.again else [c for c in cases if records.of(c, wanted.seed)]
    to_run = [case for case in cases if case not in known]
    if known:
        screen.say(f"{len(known)} of {len(cases)} in {records.file} already; --again repeats them")
    minutes = most_minutes(to_run, wanted.processes)
    screen.say(f"cases to run: {len(to_run)}, in {minutes:.0f} minutes at most on idle cores")
    where = machine(os.cpu_count() or 1, wanted.processes)
    status = 0
    try:
        for ended in run(to_run, wanted.seed, wanted.mnist, wanted.processes, screen.report):
            if ended.row is None:
                status = 1
                notes.append(f"{ended.case.name} has no result: {ended.problem}")
                screen.say(notes[-1])
                continue
            records.add(ended.case, {**ended.row, "machine": where})
            (wanted.output / "results.md").write_text(markdown(records.rows), encoding="utf-8")
            screen.say(f"{ended.case.name}  " + "  ".join(cells(records.rows[-1])[4:]))
    except KeyboardInterrupt:
        status = 130
        notes.append("stopped; run again to go on with the cases that are missing")
    rows = [row for case in cases if (row := records.of(case, wanted.seed))]
    screen.table(rows, notes)
    return status


if __name__ == "__main__":
    sys.exit(main())
