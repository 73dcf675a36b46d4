"""How a component says how far it is, without knowing who listens.

Progress goes through a logger of its own, each record with an ``event``; the command line shows
it, a log file keeps it, and nothing breaks where nobody listens.
"""

import logging
from typing import NamedTuple

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


Event = EpochEnd | StepEnd


def report(event: Event) -> None:
    """Tells whoever listens."""
    logger.info("%s", event, extra={"event": event})
