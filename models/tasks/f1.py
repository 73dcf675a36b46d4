"""F1 from counts that can be summed: over all labels together (micro), or the mean over labels."""

import numpy as np

COUNTS = ("hits", "answered", "true")
"""What is counted of a label: answers that are right, all answers, and how often it was there."""


def count_names(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the sums of labels that are judged each by itself."""
    return tuple(f"{count}:{label}" for count in COUNTS for label in labels)


def counts(answered: np.ndarray, true: np.ndarray) -> np.ndarray:
    """What rows add to the sums.

    Args:
        answered: whether each label was answered, bool ``[rows, labels]``.
        true: whether it was there.

    Returns:
        float64 ``[rows, 3 * labels]``, in the order of ``count_names``.
    """
    return np.concatenate([answered & true, answered, true], axis=-1).astype(np.float64)


def f1(hits: np.ndarray, answered: np.ndarray, true: np.ndarray) -> np.ndarray:
    """F1 in any shape; NaN where a label was neither answered nor there."""
    both = answered + true
    return 2.0 * hits / np.where(both > 0, both, np.nan)


def macro_f1(sums: np.ndarray, labels: int) -> np.ndarray:
    """The mean F1 of the labels that were answered or there.

    Args:
        sums: of ``counts``, ``[..., 3 * labels]``.
        labels: how many.

    Returns:
        ``[...]``; NaN where there is none.
    """
    hits, answered, true = (sums[..., each * labels : (each + 1) * labels] for each in range(3))
    each = f1(hits, answered, true)
    known = ~np.isnan(each)
    total = known.sum(axis=-1)
    return np.where(known, each, 0.0).sum(axis=-1) / np.where(total > 0, total, np.nan)
