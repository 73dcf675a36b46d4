"""Sentences whose label depends on the order of their words alone.

Each has the same two words, one before the other, among filler words: a bag of words cannot tell
the labels apart, a recurrent network can.
"""

import json
import random
from collections.abc import Iterator

FILLERS = [
    "the",
    "a",
    "then",
    "and",
    "very",
    "quite",
    "old",
    "new",
    "small",
    "red",
    "that",
    "this",
    "over",
    "under",
    "near",
    "door",
]
FIRST, SECOND = "cat", "dog"


def rows(count: int, seed: int = 0) -> Iterator[dict[str, str]]:
    """Rows of ``text`` and ``label`` (``cat first`` or ``dog first``), half of each.

    Args:
        count: how many.
        seed: another seed, other sentences.
    """
    random_source = random.Random(seed)
    for index in range(count):
        words = random_source.choices(FILLERS, k=random_source.randint(2, 10))
        pair = (FIRST, SECOND) if index % 2 else (SECOND, FIRST)
        places = sorted(random_source.sample(range(len(words) + 1), 2), reverse=True)
        for place, word in zip(places, reversed(pair), strict=True):
            words.insert(place, word)
        yield {"text": " ".join(words), "label": f"{pair[0]} first"}


def json_lines(count: int, seed: int = 0) -> str:
    """The rows as JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows(count, seed))
