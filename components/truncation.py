"""How much of the train split a feature's ``max_length`` cuts, from what Transform counted.

Importing it imports no TensorFlow.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from models.options import FeatureOptions

LENGTHS_PREFIX = "_lengths_"


class Truncated(NamedTuple):
    """What is cut of a feature in the train split.

    Attributes:
        rows: in all (with ``per_step``, steps).
        rows_cut: longer than ``max_length``.
        tokens: of all rows, before anything is cut (steps, of a series; frames, of audio).
        tokens_cut: those that the network does not read.
        longest: tokens of the longest row.
        max_length: the feature's.
    """

    rows: int
    rows_cut: int
    tokens: int
    tokens_cut: int
    longest: int
    max_length: int

    def __str__(self) -> str:
        return (
            f"{_share(self.rows_cut, self.rows)} of the rows are cut to max_length "
            f"{self.max_length:,}, which leaves out {_share(self.tokens_cut, self.tokens)} of the "
            f"tokens (the longest row has {self.longest:,})"
        )


def _share(part: int, whole: int) -> str:
    return f"{part / max(whole, 1):.1%}"


def lengths_asset(feature: str) -> str:
    """Name of the file beside Transform's graph that has a feature's lengths."""
    # No feature's name, under which its vocabulary lies, begins with _.
    return f"{LENGTHS_PREFIX}{feature}"


def is_lengths_asset(name: str) -> bool:
    """Whether a file beside Transform's graph has lengths, and is no vocabulary."""
    return name.startswith(LENGTHS_PREFIX)


def truncated(lengths: Mapping[int, int], max_length: int) -> Truncated:
    """What ``max_length`` cuts of rows, by how often each length occurs."""
    beyond = {length: count for length, count in lengths.items() if length > max_length}
    return Truncated(
        sum(lengths.values()),
        sum(beyond.values()),
        sum(length * count for length, count in lengths.items()),
        sum((length - max_length) * count for length, count in beyond.items()),
        max(lengths, default=0),
        max_length,
    )


def read_truncation(
    transform_graph: str, features: Mapping[str, FeatureOptions]
) -> dict[str, Truncated]:
    """What is cut, by feature that has a ``max_length``.

    Args:
        transform_graph: folder of what Transform learnt.
        features: options by feature name.
    """
    import tensorflow_transform as tft

    output = tft.TFTransformOutput(transform_graph)
    found = {}
    for name, options in features.items():
        most: Any = getattr(options, "max_length", None)
        if most is not None:
            lines = output.vocabulary_by_name(lengths_asset(name))
            counted = [line.decode("ascii").split() for line in lines]
            lengths = {int(length): math.floor(float(count)) for count, length in counted}
            found[name] = truncated(lengths, most)
    return found
