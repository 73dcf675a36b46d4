"""A model that can stand beside an experiment's network, and what came of it."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from components.baselines.rows import Rows
from components.progress import EpochEnd, Event, StepEnd
from models.spec import NetworkOptions, TrainingOptions

Tell = Callable[[str], None]


class Made(NamedTuple):
    """What came of a baseline.

    Attributes:
        metrics: the task's, on the test split.
        parameters: how many it has, where that can be said.
        table: a row of figures by name, where baselines of the task are held against the network
            by that too.
    """

    metrics: dict[str, float]
    parameters: int | None
    table: dict[str, dict[str, float]] | None = None


class Baseline(NamedTuple):
    """A model that can stand beside the network.

    Attributes:
        name: for a person.
        options: what its answers depend on beside the rows and the code, as JSON has it.
        make: trains and judges it; told where checkpoints may lie and whom to tell how far it is.
    """

    name: str
    options: dict[str, Any]
    make: Callable[[str, Tell], Made]


def plain(name: str, rows: Rows, make: Callable[[Rows, Tell], Made]) -> Baseline:
    """One that depends on the rows alone."""
    return Baseline(name, {}, lambda folder, tell: make(rows, tell))


def trained_with(network: NetworkOptions, training: TrainingOptions) -> dict[str, Any]:
    """The options of a baseline that is a network."""
    return {"network": json.loads(network.to_json()), "training": json.loads(training.to_json())}


def in_words(event: Event) -> str:
    """How far a training is; empty where there is nothing to say."""
    if isinstance(event, EpochEnd):
        figures = "  ".join(f"{name} {value:.4f}" for name, value in event.metrics.items())
        return f"epoch {event.epoch}/{event.epochs}  {figures}"
    if isinstance(event, StepEnd):
        where = f"epoch {event.epoch}/{event.epochs}  step {event.step}"
        return f"{where}  loss {event.loss:.4f}"
    return ""
