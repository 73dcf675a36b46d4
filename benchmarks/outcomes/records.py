"""What runs came to, as JSON."""

from typing import Any

from memory.records import Rows, machine


class Records(Rows):
    """The rows of experiments and seeds."""

    def of(self, name: str, seed: int) -> dict[str, Any] | None:
        """The row of an experiment with a seed, or None."""
        found = [row for row in self.rows if (row["name"], row["seed"]) == (name, seed)]
        return found[0] if found else None

    def add(self, row: dict[str, Any]) -> None:
        """Adds a row, in the place of an earlier one of the same experiment and seed."""
        old = self.of(row["name"], row["seed"])
        self.rows = [kept for kept in self.rows if kept is not old] + [row]
        self.rows.sort(key=lambda kept: (kept["name"], kept["seed"]))
        self.write()


def here(cores: int) -> dict[str, Any]:
    """The machine that a row was measured on."""
    return {key: value for key, value in machine(cores, 1).items() if key != "threads"}
