"""Calibrated scores: of the answers that score 0.8, eight in ten are right.

Scores are brought there by one temperature (Guo et al. 2017, On Calibration of Modern Neural
Networks, https://arxiv.org/abs/1706.04599): probabilities are raised to the power of its inverse
and made to add up to one again, which never changes their order.  It is fitted on the validate
split by its log loss.

How far scores are from there is the expected calibration error over bins of equal width (section
3.1 of the same).  A bin needs one sum: of how often it was right less how often it promised to be.
"""

import math
from collections.abc import Callable

import numpy as np

BINS = 15
HOTTEST = 20.0
"""The highest temperature that is tried; its inverse is the lowest."""
SMALLEST = 1e-7
"""What a probability is held to be at least, and how far from 1 at most, where logits are taken."""
HALVINGS = 40

GAPS = tuple(f"gap_{bin}" for bin in range(BINS))
"""Names of the sums."""


def gaps(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """What each answer adds to its bin.

    Args:
        confidence: float ``[..., answers]``, from 0 to 1.
        correct: bool or 0 and 1, in the same shape.

    Returns:
        float64 ``[..., BINS]``: the sum over the last axis of ``correct - confidence``, in the bin
        ``(b / BINS, (b + 1) / BINS]`` that the confidence falls in.
    """
    confidence = np.asarray(confidence, np.float64)
    bins = np.clip(np.ceil(confidence * BINS) - 1, 0, BINS - 1)
    inside = bins[..., None] == np.arange(BINS)
    return ((np.asarray(correct, np.float64) - confidence)[..., None] * inside).sum(axis=-2)


def calibration_error(sums: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Expected calibration error ``[...]``, a share.

    Args:
        sums: of ``gaps``, ``[..., BINS]``.
        answers: how many were summed ``[...]``; NaN where none.
    """
    return np.abs(sums).sum(axis=-1) / answers


def softened(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities ``[..., labels]`` that exclude each other, at a temperature; float64."""
    logits = np.log(np.clip(np.asarray(scores, np.float64), SMALLEST, 1.0)) / temperature
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def softened_each(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities of any shape, each of a label for itself, at a temperature; float64."""
    return 1.0 / (1.0 + np.exp(-_logits(scores) / temperature))


def _logits(scores: np.ndarray) -> np.ndarray:
    held = np.clip(np.asarray(scores, np.float64), SMALLEST, 1.0 - SMALLEST)
    return np.log(held) - np.log1p(-held)


def fitted(scores: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """The temperature of scores that exclude each other, and what it does to the split.

    Args:
        scores: probabilities ``[rows, labels]``.
        labels: int ``[rows]``, below 0 where there is none.

    Returns:
        float64 scalars, all means over the rows that have a label: ``temperature``; ``log_loss``
        in nats, and ``calibration_error``, each of them ``_before`` and ``_after``.
    """
    scores, labels = np.asarray(scores, np.float64)[labels >= 0], labels[labels >= 0]
    truth = labels[:, None] == np.arange(scores.shape[-1])
    cautious = _cautious(truth, len(labels), scores.shape[-1] - 1)

    def loss(aims: np.ndarray, temperature: float) -> float:
        return -(aims * np.log(softened(scores, temperature))).sum() / max(len(labels), 1)

    def judged(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        losses = -np.log(np.clip(probabilities[truth], SMALLEST, 1.0))
        right = probabilities.argmax(axis=-1) == labels
        return losses, gaps(probabilities.max(axis=-1)[:, None], right[:, None])

    temperature = _no_surer_than_shown(loss, truth, cautious)
    return _told(temperature, judged(scores), judged(softened(scores, temperature)))


def fitted_each(scores: np.ndarray, present: np.ndarray) -> dict[str, np.ndarray]:
    """The one temperature of labels that are each a question of its own; see ``fitted``.

    Args:
        scores: probabilities ``[items, labels]`` that each label is there.
        present: whether it is, bool ``[items, labels]``.
    """
    scores = np.asarray(scores, np.float64)
    cautious, logits = _cautious(present, len(present), 1), _logits(scores)

    def loss(aims: np.ndarray, temperature: float) -> float:
        # log(sigmoid(-x)) = -log(1 + exp(x)), finite where the sigmoid is 1 to the last digit.
        losses = np.logaddexp(0.0, logits / temperature) - aims * logits / temperature
        return losses.sum() / max(scores.size, 1)

    def judged(chances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        right = np.where(present, chances, 1.0 - chances).reshape(-1)
        flat = chances.reshape(-1, 1)
        return -np.log(np.clip(right, SMALLEST, 1.0)), gaps(flat, present.reshape(-1, 1))

    temperature = _no_surer_than_shown(loss, present, cautious)
    return _told(temperature, judged(scores), judged(softened_each(scores, temperature)))


def _cautious(truth: np.ndarray, rows: int, others: int) -> np.ndarray:
    """What probabilities are to come near: as if one row more had been answered wrongly.

    Method: Platt 1999, Probabilistic Outputs for Support Vector Machines, section 2.2.
    """
    doubt = 1.0 / (rows + 2)
    return np.where(truth, 1.0 - doubt, doubt / others)


def _no_surer_than_shown(
    loss: Callable[[np.ndarray, float], float], truth: np.ndarray, cautious: np.ndarray
) -> float:
    """The best temperature; one below 1, which makes surer, only as far as caution allows.

    A split that is answered without a fault would ask for a certainty that nothing shows.  The
    loss of ``truth`` never rises by this, since it falls from 1 on the way to its valley.
    """
    best = best_temperature(lambda temperature: loss(truth, temperature))
    if best >= 1.0:
        return best
    careful = best_temperature(lambda temperature: loss(cautious, temperature))
    return min(max(best, careful), 1.0)


def _told(
    temperature: float,
    before: tuple[np.ndarray, np.ndarray],
    after: tuple[np.ndarray, np.ndarray],
) -> dict[str, np.ndarray]:
    told = {"temperature": temperature}
    for when, (losses, gap) in (("before", before), ("after", after)):
        answers = max(len(losses), 1)
        told[f"log_loss_{when}"] = losses.sum() / answers
        told[f"calibration_error_{when}"] = calibration_error(gap.sum(axis=0), answers)
    return {name: np.float64(value) for name, value in told.items()}


def best_temperature(loss: Callable[[float], float]) -> float:
    """The temperature of the smallest loss, from 1 / ``HOTTEST`` to ``HOTTEST``.

    Cross-entropy is convex in the inverse of the temperature, so it has one valley, which the
    golden section finds (Kiefer 1953, https://doi.org/10.1090/S0002-9939-1953-0055639-3).

    Args:
        loss: of a temperature.
    """
    ratio = (math.sqrt(5.0) - 1.0) / 2.0
    low, high = -math.log(HOTTEST), math.log(HOTTEST)
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = loss(math.exp(left)), loss(math.exp(right))
    for _ in range(HALVINGS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = loss(math.exp(left))
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = loss(math.exp(right))
    found = math.exp((low + high) / 2.0)
    # An empty split says nothing.
    return found if loss(found) < loss(1.0) else 1.0
