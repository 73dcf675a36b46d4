"""Random choices that come out the same on every machine and Python version.

Python promises that of ``random()`` alone (docs, module random, Notes on Reproducibility), so all
else is made from it here.
"""

import math
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Random choices from a seed.

    Args:
        seed: any text; another text, other choices.
    """

    def __init__(self, seed: str):
        self._random = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return self._random() < probability

    def below(self, count: int) -> int:
        """A whole number from 0 to ``count - 1``."""
        return int(self._random() * count)

    def pick(self, values: Sequence[T]) -> T:
        """One of the values, each as likely."""
        return values[self.below(len(values))]

    def between(self, low: float, high: float) -> float:
        """A number from ``low`` up to ``high``, evenly."""
        return low + (high - low) * self._random()

    def normal(self, mean: float, deviation: float) -> float:
        """A normal number (Box & Muller 1958)."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self._random()))
        return mean + deviation * radius * math.cos(2.0 * math.pi * self._random())

    def mixed(self, values: Sequence[T]) -> list[T]:
        """The values in any order (Fisher & Yates)."""
        mixed = list(values)
        for last in range(len(mixed) - 1, 0, -1):
            other = self.below(last + 1)
            mixed[last], mixed[other] = mixed[other], mixed[last]
        return mixed
