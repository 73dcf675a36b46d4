"""Bands of origins, the steps of a series at which forecasts begin; imports no TensorFlow."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass
class Band:
    """Origins that are judged together.

    Attributes:
        first: the first origin, a step of its series counted from 0.
        last: the last one.
        windows: how many were judged.
        metrics: the task's, of the network.
        baseline: the task's, of the trivial baseline.
    """

    first: int
    last: int
    windows: int
    metrics: dict[str, float]
    baseline: dict[str, float]


def bands_of(origins: Sequence[int], bands: int) -> list[tuple[int, int]]:
    """Bands of origins, at most so many, each with about as many windows; (first, last) of each."""
    numbered = _numbered(sorted(Counter(origins).items()), bands)
    found = []
    for _, group in itertools.groupby(numbered, key=lambda each: each[0]):
        steps = [origin for _, origin in group]
        found.append((steps[0], steps[-1]))
    return found


def _numbered(counts: Sequence[tuple[int, int]], bands: int) -> Iterator[tuple[int, int]]:
    """(band, origin): the band that the windows before an origin, and half of its own, fill."""
    total, passed = sum(count for _, count in counts), 0
    for origin, count in counts:
        yield int((passed + count / 2) * bands / total), origin
        passed += count
