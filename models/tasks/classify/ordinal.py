"""One level of several in order: the cumulative-link model.

One number stands for how high a row lies; ordered cut points divide it into the levels
(McCullagh 1980, https://doi.org/10.1111/j.2517-6161.1980.tb01109.x, with the logistic link).

Labels, loss and calibration are those of ``single``.  The weighted kappa comes from sums, since
squares of differences do (Cohen 1968, https://doi.org/10.1037/h0026256): the disagreement that
chance would bring is ``sum(t^2) + sum(a^2) - 2 sum(t) sum(a) / rows``.
"""

from collections.abc import Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from models.features.analyzers import Analyzers, Learnt
from models.tasks.calibration import GAPS, calibration_error
from models.tasks.classify import Options, single
from models.tasks.classify.levels import CumulativeLink, RankError
from models.tasks.classify.losses import WeightedCrossEntropy, label_weights
from models.tasks.names import Labels, frequencies, names_as_bytes

RANKS = ("distance", "squares", "true", "true_squares", "answered", "answered_squares")
SUMS = (*single.SUMS, *RANKS)

baseline_scores = single.baseline_scores
served_outputs = single.served_outputs
judged_outputs = single.judged_outputs
calibration = single.calibration
calibrated = single.calibrated


def preprocess(options: Options, raw: tf.Tensor, analyzers: Analyzers) -> tf.Tensor:
    """Raw labels, string ``[batch]``, to ranks int64 ``[batch]``; unknown ones are -1."""
    same = tf.equal(raw[:, None], tf.constant(options.labels)[None, :])
    return tf.where(tf.reduce_any(same, axis=1), tf.argmax(same, axis=1), -1)


def label_names(options: Options, learnt: Learnt) -> list[str]:
    """The levels, from the lowest to the highest."""
    return list(options.labels or ())


def head(options: Options, body: keras.KerasTensor, learnt: Learnt) -> keras.KerasTensor:
    """``[batch, units]`` to probabilities ``[batch, levels]``, float32."""
    return CumulativeLink(len(options.labels or ()), dtype="float32", name="classify.scores")(body)


def loss(options: Options, learnt: Learnt, labels: Labels | None) -> keras.losses.Loss:
    """Cross-entropy of the true level, in nats, times what it weighs."""
    if options.class_weights == "none" or labels is None:
        return keras.losses.SparseCategoricalCrossentropy()
    weights = label_weights(options, label_names(options, learnt), labels())
    return WeightedCrossEntropy(weights.tolist())


def training_metrics(options: Options) -> list[keras.metrics.Metric]:
    """What is shown while training, beside the loss."""
    return [*single.training_metrics(options), RankError(name="mean_absolute_error")]


def baseline(options: Options, labels: Iterable[np.ndarray], names: list[str]) -> np.ndarray:
    """Frequencies of the levels, float32 ``[levels]``, each counted once more than it occurs."""
    return frequencies(labels, len(names))


def statistics(options: Options) -> tuple[str, ...]:
    """Names of what is summed."""
    return SUMS


def example_statistics(
    options: Options, truth: np.ndarray, outputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Statistics of rows, float64 ``[rows, statistics]``.

    Raises:
        ValueError: a level is none of ``options.labels``, which ingest lets none through.
    """
    names = [name.encode() for name in options.labels or ()]
    true = _ranks(names, truth)
    answered = _ranks(names, outputs["label"])
    distance = answered - true
    ranks = [np.abs(distance), distance**2, true, true**2, answered, answered**2]
    found = single.example_statistics(options, truth, outputs)
    return np.concatenate([found, np.stack(ranks, axis=1)], axis=1)


def _ranks(names: list[bytes], labels: np.ndarray) -> np.ndarray:
    return np.array(
        [names.index(label) for label in names_as_bytes(labels).ravel().tolist()], float
    )


def summarise(options: Options, sums: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of sums ``[..., statistics]``; NaN where there is no row.

    The kappa is NaN too where all rows have one level and all answers are that one.
    """
    rows = np.where(sums[..., 0] > 0, sums[..., 0], np.nan)
    distance, squares, true, true_squares, answered, answered_squares = np.moveaxis(
        sums[..., len(single.SUMS) :], -1, 0
    )
    by_chance = true_squares + answered_squares - 2.0 * true * answered / rows
    return {
        "quadratic_weighted_kappa": 1.0 - squares / np.where(by_chance > 0, by_chance, np.nan),
        "mean_absolute_error": distance / rows,
        "accuracy": sums[..., 1] / rows,
        "log_loss": sums[..., 2] / rows,
        "calibration_error": calibration_error(sums[..., 3 : 3 + len(GAPS)], rows),
    }
