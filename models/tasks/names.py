"""What tasks share that answer with label names."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Labels = Callable[[], Iterable[Any]]
"""Goes through the transformed labels of the train split, an array a row or several by name."""
SMALLEST_PROBABILITY = 1e-7
PADDING, UNKNOWN = -1, -2
"""What a step has in place of a label: it is none of the row's, or its label is one that the
network has no score for."""


def frequencies(labels: Iterable[np.ndarray], classes: int) -> np.ndarray:
    """Label frequencies, float32 ``[classes]``, each label counted once more than it occurs.

    Args:
        labels: int64 arrays of any shape; labels below 0 are left out.
        classes: how many labels there are.
    """
    counts = np.ones(classes)
    for row in labels:
        row = np.asarray(row)
        counts += np.bincount(row[row >= 0].ravel(), minlength=classes)
    return (counts / counts.sum()).astype(np.float32)


def names_as_bytes(names: np.ndarray) -> np.ndarray:
    """Names, bytes or str of any shape, as UTF-8 bytes."""
    names = np.asarray(names)
    if names.dtype.kind == "O":
        flat = [name.encode() if isinstance(name, str) else name for name in names.ravel()]
        return np.array(flat, bytes).reshape(names.shape)
    return np.char.encode(names, "utf-8") if names.dtype.kind == "U" else names.astype(bytes)
