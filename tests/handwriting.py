"""A small handwriting: strokes of a pen with the text that they write, made here."""

import math
import random
from typing import Any

UP = None
"""Stands between strokes: the pen is lifted."""
LETTERS: dict[str, list[tuple[float, float] | None]] = {
    "c": [(0.9, 0.9), (0.3, 1.0), (0.0, 0.5), (0.3, 0.0), (0.9, 0.1)],
    "l": [(0.0, 2.0), (0.0, 0.0), (0.4, 0.0)],
    "n": [(0.0, 1.0), (0.0, 0.0), (0.0, 1.0), (0.6, 1.0), (0.6, 0.0)],
    "o": [(0.5, 1.0), (0.0, 0.5), (0.5, 0.0), (1.0, 0.5), (0.5, 1.0)],
    "t": [(0.3, 2.0), (0.3, 0.0), UP, (0.0, 1.3), (0.7, 1.3)],
    "u": [(0.0, 1.0), (0.0, 0.0), (0.6, 0.0), (0.6, 1.0), (0.6, 0.0)],
}
WORDS = ("clot", "colt", "count", "cut", "lot", "not", "noun", "out", "unto")
STEP = 0.3


def written(text: str, dice: random.Random) -> list[list[float]]:
    """The steps of a pen: how far to the right and up, and 1 where it was lifted for it."""
    slant, size = dice.uniform(-0.3, 0.3), dice.uniform(0.8, 1.2)
    points: list[tuple[float, float, float]] = []
    left = 0.0
    for letter in text:
        if letter == " ":
            left += dice.uniform(1.0, 1.5)
            continue
        lifted = True
        for point in LETTERS[letter]:
            if point is UP:
                lifted = True
                continue
            x, y = (place + dice.gauss(0.0, 0.04) for place in point)
            x, y = size * (left + x + slant * y), size * y
            before = points[-1] if points else (x, y, 0.0)
            far = math.dist((x, y), before[:2])
            # A lifted pen goes the whole way at once.
            count = 1 if lifted else max(round(far / (STEP * dice.uniform(0.8, 1.2))), 1)
            for part in range(1, count + 1):
                share = part / count
                between = (
                    start + share * (end - start)
                    for start, end in zip(before[:2], (x, y), strict=True)
                )
                points.append((*between, float(lifted)))
            lifted = False
        left += 1.2 + dice.uniform(-0.1, 0.1)
    steps, before = [], points[0]
    for point in points:
        steps.append([round(point[0] - before[0], 3), round(point[1] - before[1], 3), point[2]])
        before = point
    return steps


def handwriting(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows with ``pen``, ``text`` and ``split``."""
    dice = random.Random(seed)
    rows = []
    for number in range(count):
        text = " ".join(dice.choice(WORDS) for _ in range(dice.randint(1, 2)))
        split = ("test", "validate", *["train"] * 6)[number % 8]
        rows.append({"pen": written(text, dice), "text": text, "split": split})
    return rows
