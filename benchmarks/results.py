"""Runs the ready experiments and tabulates what they come to: ``python benchmarks/results.py``.

Each experiment of ``benchmarks/results.yaml`` goes through the whole pipeline by ``rondo run``,
once for each seed, in a process and a folder of its own.  Results go to a JSON file as each run
ends, so Ctrl-C loses only the run that it stops; run again, those that the file holds are skipped.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from outcomes.cases import Case, check_metrics, chosen, read_cases
from outcomes.records import Records
from outcomes.runner import run
from outcomes.table import COLUMNS, lines_of, write_between_marks
from rich.console import Console

HERE = Path(__file__).parent
FOLDER = HERE.parent / "experiments"


def options(arguments: list[str] | None) -> argparse.Namespace:
    """The command line's."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="holds the data sets, each in the folder that benchmarks/results.yaml names",
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="may be given again"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="N", help="(0)")
    parser.add_argument("--again", action="store_true", help="also runs that the file holds")
    parser.add_argument(
        "--output",
        type=Path,
        default=HERE / "results.json",
        metavar="FILE",
        help="(benchmarks/results.json)",
    )
    parser.add_argument(
        "--readme",
        type=Path,
        default=FOLDER / "README.md",
        metavar="FILE",
        help="whose table of results is written anew (experiments/README.md)",
    )
    parser.add_argument(
        "--home", type=Path, default=Path("runs/results"), help="of the runs (runs/results)"
    )
    parsed = parser.parse_args(arguments)
    if not parsed.data.is_dir():
        parser.error(f"--data {parsed.data}: no such folder")
    return parsed


def main(arguments: list[str] | None = None) -> int:
    """Runs what is asked for; 0 if every run was judged, 1 if one was not, 130 after Ctrl-C."""
    wanted = options(arguments)
    console = Console(emoji=False, highlight=False)

    def say(text: str) -> None:
        console.print(f"{time.strftime('%H:%M:%S')}  {text}", markup=False, soft_wrap=True)

    try:
        everything = read_cases(HERE / "results.yaml")
        cases = chosen(everything, wanted.only)
        for case in cases:
            check_metrics(case, FOLDER)
        records = Records(wanted.output)
    except ValueError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 2
    status = 0
    for seed in wanted.seeds:
        for case in cases:
            if not wanted.again and records.of(case.name, seed):
                say(f"{case.name}, seed {seed}: in {wanted.output} already; --again repeats it")
                continue
            missing = _missing(case, wanted.data)
            if missing is not None:
                status = 1
                say(f"{case.name}: left out, {missing} is not there")
                continue
            say(f"{case.name}, seed {seed}: running, log {wanted.home / case.name}-{seed}.log")
            try:
                row = run(case, seed, wanted.data, wanted.home, FOLDER, say)
            except KeyboardInterrupt:
                say("stopped; run again to go on with what is missing")
                return 130
            if row is None:
                status = 1
                continue
            records.add(row)
            say("  ".join(lines_of(everything, records.rows, case.name)[0]))
    for line in (COLUMNS, *lines_of(everything, records.rows)):
        console.print(" | ".join(line), markup=False, soft_wrap=True)
    write_between_marks(wanted.readme, everything, records.rows)
    return status


def _missing(case: Case, data: Path) -> Path | None:
    path = data / case.data if case.data is not None else None
    return path if path is not None and not os.path.exists(path) else None


if __name__ == "__main__":
    sys.exit(main())
