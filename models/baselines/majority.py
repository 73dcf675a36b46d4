"""Answers that look at nothing, or at one token: label frequencies."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from models.tasks.names import frequencies


def label_frequencies(labels: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Frequencies of labels, whose largest is the majority label's; as the tasks' own baselines.

    Args:
        labels: of the train split, in any order.
        names: the labels that are answered.

    Returns:
        float32 ``[names]``: each label counted once more than it occurs.
    """
    places = {name: place for place, name in enumerate(names)}
    ranks = np.array([places.get(label, -1) for label in labels], np.int64)
    return frequencies([ranks], len(names))


class TokenLabels:
    """The most frequent label of each token, whatever stands around it.

    Args:
        tokens: a list of tokens a row.
        labels: as many labels a row.
        names: the labels that are answered.
        prior: how many answers by the frequencies of all labels are added to a token's own, which
            is what a token that was never seen gets.

    Raises:
        ValueError: a row has another number of labels than of tokens.
    """

    def __init__(
        self,
        tokens: Sequence[Sequence[str]],
        labels: Sequence[Sequence[str]],
        names: Sequence[str],
        prior: float = 0.5,
    ):
        places = {name: place for place, name in enumerate(names)}
        everywhere = label_frequencies([label for row in labels for label in row], names)
        counts = Counter(
            (token, places[label])
            for row, answers in zip(tokens, labels, strict=True)
            for token, label in zip(row, answers, strict=True)
            if label in places
        )
        self._unseen = everywhere.astype(np.float64)
        self._scores: dict[str, np.ndarray] = {}
        for (token, place), count in counts.items():
            self._scores.setdefault(token, prior * self._unseen)[place] += count
        for scores in self._scores.values():
            scores /= scores.sum()

    def scores(self, tokens: Sequence[str]) -> np.ndarray:
        """Probabilities of the labels of each token of a row, float64 ``[time, names]``."""
        return np.stack([self._scores.get(token, self._unseen) for token in tokens])

    @property
    def parameters(self) -> int:
        """How many probabilities are kept."""
        return (len(self._scores) + 1) * len(self._unseen)
