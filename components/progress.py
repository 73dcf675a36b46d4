"""How a component says how far it is, without knowing who listens.

Progress goes through a logger of its own, each record with an ``event``; the command line shows
it, a log file keeps it, and nothing breaks where nobody listens.
"""

import logging
from typing import NamedTuple

from components.embeddings.coverage import Coverage
from components.tune.results import SearchResult

logger = logging.getLogger("rondo.progress")
logger.setLevel(logging.INFO)


class EpochEnd(NamedTuple):
    """An epoch of training has ended."""

    epoch: int
    epochs: int
    metrics: dict[str, float]


class StepEnd(NamedTuple):
    """Some steps of an epoch have been taken."""

    epoch: int
    epochs: int
    step: int
    loss: float


class TrialsChanged(NamedTuple):
    """A trial of a search began, went on or ended."""

    search: SearchResult

    def __str__(self) -> str:
        """Short, for the log: the whole search stands in the Tuner's results."""
        states = ", ".join(f"{trial.trial} {trial.state}" for trial in self.search.trials)
        return f"TrialsChanged({states})"


class VectorsRead(NamedTuple):
    """So many words of a file of vectors have been read."""

    file: str
    words: int


class Covered(NamedTuple):
    """A feature's embedding matrix was made."""

    coverage: Coverage

    def __str__(self) -> str:
        """As a person reads it."""
        return str(self.coverage)


Event = EpochEnd | StepEnd | TrialsChanged | VectorsRead | Covered


def report(event: Event) -> None:
    """Tells whoever listens."""
    logger.info("%s", event, extra={"event": event})
