"""What is run: a cell on a task at a length, with the settings it is given and its budget."""

from dataclasses import asdict, dataclass
from typing import Any

TASKS = ("adding", "copy", "parity", "mnist")
PARITY_LENGTH = 32
"""Longest sequence that parity is trained on; it is judged on four times as many steps."""
LONGER = 4


@dataclass(frozen=True)
class Case:
    """One training.

    Attributes:
        task: of ``TASKS``.
        cell: of ``models/cells``.
        length: ``T`` of adding and copy; the training length of parity; 28 for mnist.
        units: width of a layer.
        layers: layers on top of each other.
        learning_rate: of Adam.
        batch: sequences a step.
        timescale: longest dependency that the cell's initialisation expects, in steps; for lstm,
            gru and slstm that is chrono initialisation, for indrnn the bound of its weights.
        dropout: share of a layer's outputs that training drops.
        decay: the learning rate falls to zero, as a cosine, over the budget of steps.
        steps: budget of training steps.
        minutes: budget of processor minutes, which are minutes where the machine does nothing else.
    """

    task: str
    cell: str
    length: int
    units: int
    learning_rate: float
    steps: int
    minutes: float
    layers: int = 1
    batch: int = 50
    timescale: int | None = None
    dropout: float = 0.0
    decay: bool = False

    @property
    def name(self) -> str:
        """``task:cell:length``, as ``--only`` takes it."""
        return f"{self.task}:{self.cell}:{self.length}"

    def settings(self) -> dict[str, Any]:
        """All fields, as JSON stores them."""
        return asdict(self)

    def fits(self, pattern: str) -> bool:
        """Whether ``TASK[:CELL[:T]]`` names this case."""
        return self.name.split(":")[: pattern.count(":") + 1] == pattern.split(":")


def _adding(cell: str, length: int, *values: Any, **others: Any) -> Case:
    return Case("adding", cell, length, *values, **others)


CORE = (
    # units, learning rate, steps, minutes
    _adding("elman", 50, 128, 1e-3, 20_000, 2.0),
    _adding("elman", 100, 128, 1e-3, 20_000, 3.0),
    _adding("jordan", 100, 128, 1e-3, 20_000, 3.0),
    _adding("lstm", 100, 64, 5e-3, 20_000, 1.5),
    _adding("gru", 100, 64, 5e-3, 20_000, 1.0),
    _adding("indrnn", 100, 128, 2e-3, 20_000, 1.5, layers=2, timescale=100),
    _adding("slstm", 100, 64, 5e-3, 20_000, 1.5),
    _adding("mlstm", 100, 64, 2e-2, 20_000, 1.0),
    _adding("elman", 400, 128, 1e-3, 20_000, 4.0),
    _adding("lstm", 400, 64, 5e-3, 20_000, 5.0, timescale=400),
    _adding("gru", 400, 64, 5e-3, 20_000, 7.0),
    _adding("indrnn", 400, 128, 1e-3, 20_000, 12.0, layers=2, timescale=400),
    _adding("slstm", 400, 64, 5e-3, 20_000, 7.0),
    _adding("mlstm", 400, 64, 2e-2, 20_000, 3.0),
    Case("copy", "lstm", 100, 128, 5e-3, 20_000, 11.0, timescale=100),
    Case("copy", "gru", 100, 128, 5e-3, 20_000, 11.0, timescale=100),
    Case("copy", "slstm", 100, 128, 5e-3, 20_000, 11.0, timescale=100),
    Case("copy", "indrnn", 100, 128, 1e-3, 20_000, 3.0, layers=2, timescale=100),
    Case("copy", "mlstm", 100, 128, 1e-2, 20_000, 3.0, layers=2),
    Case("parity", "elman", PARITY_LENGTH, 64, 2e-3, 20_000, 1.0),
    Case("parity", "jordan", PARITY_LENGTH, 64, 2e-3, 20_000, 1.0),
    Case("parity", "lstm", PARITY_LENGTH, 64, 5e-3, 20_000, 0.5),
    Case("parity", "gru", PARITY_LENGTH, 64, 5e-3, 20_000, 0.5),
    Case("parity", "indrnn", PARITY_LENGTH, 64, 2e-3, 20_000, 1.0, layers=2),
    Case("parity", "slstm", PARITY_LENGTH, 64, 5e-3, 20_000, 1.0),
    Case("parity", "mlstm", PARITY_LENGTH, 64, 5e-3, 20_000, 1.0, layers=2),
    Case("mnist", "lstm", 28, 128, 2e-3, 7_200, 14.0, layers=2, batch=100, dropout=0.2, decay=True),
)
LONG = (
    _adding("lstm", 1000, 64, 3e-3, 30_000, 120.0, timescale=1000),
    _adding("gru", 1000, 64, 3e-3, 30_000, 120.0, timescale=1000),
    _adding("indrnn", 1000, 128, 5e-4, 30_000, 120.0, layers=2, timescale=1000),
    _adding("indrnn", 5000, 128, 2e-4, 30_000, 360.0, layers=2, timescale=5000),
)
QUICK = (
    "adding:lstm:100",
    "adding:gru:100",
    "adding:indrnn:100",
    "parity:lstm",
    "parity:slstm",
    "parity:mlstm",
)
START_MINUTES = 0.25
"""Processor minutes of a case before its first step: Python, TensorFlow, tracing."""


def most_minutes(cases: list[Case], processes: int) -> float:
    """Minutes that the cases take at most, where each process has a core to itself."""
    return sum(case.minutes + START_MINUTES for case in cases) / processes


def chosen(quick: bool, long: bool, patterns: list[str]) -> list[Case]:
    """The cases that are asked for: the core, the quick part of it, or the long option.

    Args:
        quick: a few of the core that are solved soon.
        long: those of the long option instead of the core.
        patterns: of all, core and long, those that fit one: ``TASK[:CELL[:T]]``.

    Raises:
        ValueError: a pattern fits no case.
    """
    if not patterns:
        if long:
            return list(LONG)
        return [case for case in CORE if not quick or any(map(case.fits, QUICK))]
    for pattern in patterns:
        if not any(case.fits(pattern) for case in CORE + LONG):
            names = ", ".join(case.name for case in CORE + LONG)
            raise ValueError(f"{pattern!r} fits no case; write TASK[:CELL[:T]] of: {names}")
    return [case for case in CORE + LONG if any(map(case.fits, patterns))]
