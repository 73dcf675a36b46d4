"""How many edits lead from one sequence to another: what error rates are made of."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def edit_distance(one: Sequence[Any], other: Sequence[Any]) -> int:
    """The fewest insertions, deletions and replacements from one to the other.

    Source: Levenshtein 1966; computed by Wagner & Fischer 1974,
    https://doi.org/10.1145/321796.321811, a row at a time.
    """
    column = np.arange(len(other) + 1)
    index: dict[Any, int] = {}
    other_ids = np.array([index.setdefault(item, len(index)) for item in other], int)
    for count, item in enumerate(one, start=1):
        replaced = column[:-1] + (other_ids != index.get(item, -1))
        best = np.concatenate([[count], np.minimum(column[1:] + 1, replaced)])
        # Insertions run along the row: each costs one more than what stands before it.
        places = np.arange(len(best))
        column = np.minimum.accumulate(best - places) + places
    return int(column[-1])
