"""Which data drift is measured against: those of the last blessed run, other than this run's.

Like the model that a candidate is compared with: the run's own data would be found on the run after
it was blessed, and everything behind would run again for nothing.  Imports no TFX.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple


class Judged(NamedTuple):
    """A verdict of the Evaluator: ids of its artifact and of the examples it judged by."""

    id: int
    examples: int
    blessed: bool


class Made(NamedTuple):
    """What a node made of examples: ids of its output and of the examples."""

    id: int
    examples: int


def last_blessed_data(
    judged: Iterable[Judged],
    statistics: Collection[Made],
    profiles: Collection[Made],
    candidates: Collection[int],
) -> tuple[int, int] | None:
    """Ids of the statistics and of the profile of the last blessed run with other data.

    Args:
        judged: all verdicts of the pipeline.
        statistics: all that were made.
        profiles: likewise.
        candidates: ids of this run's examples.

    Returns:
        the latest of each; None if there is no such run, or they were not made of its data.
    """
    for verdict in sorted(judged, reverse=True):
        if not verdict.blessed or verdict.examples in candidates:
            continue
        found = [
            max((made.id for made in some if made.examples == verdict.examples), default=None)
            for some in (statistics, profiles)
        ]
        if found[0] is not None and found[1] is not None:
            return found[0], found[1]
    return None
