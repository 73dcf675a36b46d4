"""How much of a feature's text has a pretrained vector; imports no TensorFlow."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from models.features.vectors import VectorOptions

EXAMPLES = 10
SHOWN_EXAMPLES = 5


class Coverage(NamedTuple):
    """Of a feature, in the train split.

    Attributes:
        feature: its name.
        file: of the vectors.
        size: numbers a vector.
        types: entries of the vocabulary.
        types_found: those of them that have a vector.
        tokens: steps of all rows, as the network reads them.
        tokens_found: those of them whose token has a vector; tokens outside the vocabulary have
            none.
        missing: the most frequent entries of the vocabulary without one, and how often they occur.
    """

    feature: str
    file: str
    size: int
    types: int
    types_found: int
    tokens: int
    tokens_found: int
    missing: tuple[tuple[str, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without the feature's name."""
        return {
            "file": self.file,
            "size": self.size,
            "types": {"found": self.types_found, "total": self.types},
            "tokens": {"found": self.tokens_found, "total": self.tokens},
            "missing": [[token, times] for token, times in self.missing],
        }

    def __str__(self) -> str:
        said = (
            f"{self.feature}: vectors for {_share(self.types_found, self.types)} types, "
            f"{_share(self.tokens_found, self.tokens)} tokens"
        )
        examples = ", ".join(repr(token) for token, _ in self.missing[:SHOWN_EXAMPLES])
        return f"{said}; without one: {examples}" if examples else said


def coverage_of(
    feature: str,
    options: VectorOptions,
    vocabulary: Sequence[str],
    found: np.ndarray,
    counts: np.ndarray,
    size: int,
    first_token: int = 2,
) -> Coverage:
    """Counts what has a vector.

    Args:
        feature: its name.
        options: of its vectors.
        vocabulary: its entries, by rank.
        found: bool ``[vocabulary]``, which of them have a vector.
        counts: int ``[first_token + vocabulary]``, how often each id occurs (0 pads).
        size: numbers a vector.
        first_token: id of the vocabulary's first entry; those from 1 to there are unknown tokens'.
    """
    known = counts[first_token:]
    # Stable, so that equally frequent ones stay in the vocabulary's order.
    ranked = [index for index in np.argsort(-known, kind="stable") if not found[index]]
    return Coverage(
        feature,
        options.file,
        size,
        len(vocabulary),
        int(found.sum()),
        int(counts[1:].sum()),
        int(known[found].sum()),
        tuple((vocabulary[index], int(known[index])) for index in ranked[:EXAMPLES]),
    )


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({part / max(whole, 1):.1%})"
