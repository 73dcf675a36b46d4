"""What was measured, as JSON and as tables."""

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from memory.cases import Case

COLUMNS = ("task", "cell", "T", "seed", "solved", "on fresh data", "chance", "steps", "minutes")
PACKAGES = ("tensorflow", "keras", "numpy")


def machine(cores: int, processes: int) -> dict[str, Any]:
    """Where a row was measured: processor, cores, cases at a time, threads of each, versions."""
    return {
        "processor": _processor(),
        "cores": cores,
        "processes": processes,
        "threads": 1,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


class Rows:
    """The rows of a JSON file, which is whole at every moment.

    Args:
        file: read if it exists, written by ``add``.

    Raises:
        ValueError: the file is not what ``add`` writes.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.rows: list[dict[str, Any]] = []
        if file.exists():
            try:
                self.rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                raise ValueError(
                    f"{file}: not a file of results ({error!r}); move it away, or name another "
                    "place with --output"
                ) from error

    def write(self) -> None:
        """Writes the file, whole or not at all."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        beside = self.file.with_suffix(".part")
        beside.write_text(json.dumps({"rows": self.rows}, indent=1), encoding="utf-8")
        beside.replace(self.file)


class Records(Rows):
    """The rows of cases."""

    def of(self, case: Case, seed: int) -> dict[str, Any] | None:
        """The row of a case with these very settings, or None."""
        for row in self.rows:
            if row["seed"] == seed and row["settings"] == case.settings():
                return row
        return None

    def add(self, case: Case, row: dict[str, Any]) -> None:
        """Adds a row, in the place of an earlier one of the same task, cell, T and seed."""
        row = {"case": case.name, "settings": case.settings(), **row}
        same = (row["case"], row["seed"])
        self.rows = [old for old in self.rows if (old["case"], old["seed"]) != same] + [row]
        self.write()


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row's entries of a table, in the order of ``COLUMNS``."""
    task, cell, length = row["case"].split(":")
    if row["settings"]["timescale"] and cell != "indrnn":
        cell += ", chrono"
    figure = row["figure"]
    shown = "not finite" if figure is None else f"{figure:.4f}"
    return (
        task,
        cell,
        length,
        str(row["seed"]),
        "yes" if row["solved"] else "no",
        f"{row['measure']} {shown}",
        f"{row['chance']:.3f}",
        f"{row['steps']:,}",
        f"{row['processor_minutes']:.1f}",
    )


def markdown(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(cells(row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
