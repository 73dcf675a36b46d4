"""What runs came to, as JSON."""

import json
from pathlib import Path
from typing import Any

from memory.records import machine


class Records:
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
                    "with --output"
                ) from error

    def of(self, name: str, seed: int) -> dict[str, Any] | None:
        """The row of an experiment with a seed, or None."""
        found = [row for row in self.rows if (row["name"], row["seed"]) == (name, seed)]
        return found[0] if found else None

    def add(self, row: dict[str, Any]) -> None:
        """Adds a row, in the place of an earlier one of the same experiment and seed."""
        old = self.of(row["name"], row["seed"])
        self.rows = [kept for kept in self.rows if kept is not old] + [row]
        self.rows.sort(key=lambda kept: (kept["name"], kept["seed"]))
        self.file.parent.mkdir(parents=True, exist_ok=True)
        beside = self.file.with_suffix(".part")
        beside.write_text(json.dumps({"rows": self.rows}, indent=1) + "\n", encoding="utf-8")
        beside.replace(self.file)


def here(cores: int) -> dict[str, Any]:
    """The machine that a row was measured on."""
    return {key: value for key, value in machine(cores, 1).items() if key != "threads"}
