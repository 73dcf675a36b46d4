"""One label of several that exclude each other: softmax and cross-entropy.

The trivial baseline answers every row with the label frequencies of the train split; its label is
the most frequent one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from models.features.analyzers import Analyzers, Learnt
from models.options import LABEL
from models.tasks import f1
from models.tasks.calibration import GAPS, SMALLEST, calibration_error, fitted, gaps
from models.tasks.classify import Options
from models.tasks.classify.losses import WeightedCrossEntropy, label_weights
from models.tasks.names import SMALLEST_PROBABILITY, Labels, frequencies, names_as_bytes

SUMS = ("rows", "correct", "log_loss", *GAPS)


def preprocess(options: Options, raw: tf.Tensor, analyzers: Analyzers) -> tf.Tensor:
    """Raw labels, string ``[batch]``, to ids int64 ``[batch]``; unknown ones are -1."""
    return analyzers.vocabulary(raw, LABEL, top_k=None)


def label_names(options: Options, learnt: Learnt) -> list[str]:
    """The labels, in the order of the scores."""
    return learnt.vocabulary(LABEL)


def head(options: Options, body: keras.KerasTensor, learnt: Learnt) -> keras.KerasTensor:
    """``[batch, units]`` to probabilities ``[batch, labels]``, float32."""
    labels = learnt.vocabulary_size(LABEL)
    return keras.layers.Dense(
        labels, activation="softmax", dtype="float32", name="classify.scores"
    )(body)


def loss(options: Options, learnt: Learnt, labels: Labels | None) -> keras.losses.Loss:
    """Cross-entropy of the true label, in nats, times what it weighs."""
    if options.class_weights == "none" or labels is None:
        return keras.losses.SparseCategoricalCrossentropy()
    weights = label_weights(options, label_names(options, learnt), labels())
    return WeightedCrossEntropy(weights.tolist())


def training_metrics(options: Options) -> list[keras.metrics.Metric]:
    """What is shown while training, beside the loss."""
    return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]


def baseline(options: Options, labels: Iterable[np.ndarray], names: list[str]) -> np.ndarray:
    """Label frequencies, float32 ``[labels]``, each counted once more than it occurs."""
    return frequencies(labels, len(names))


def baseline_scores(options: Options, baseline: np.ndarray, shape: list[tf.Tensor]) -> tf.Tensor:
    """The baseline's answer to as many rows as a shape ``[batch]`` has."""
    return tf.broadcast_to(tf.constant(baseline), [*shape, len(baseline)])


def served_outputs(
    options: Options, scores: tf.Tensor, labels: Sequence[str], lengths: tf.Tensor | None
) -> dict[str, tf.Tensor]:
    """``label``, ``score``, ``labels``, ``scores``; see ``graph.served_outputs``."""
    names = tf.constant(list(labels))
    return {
        "label": tf.gather(names, tf.argmax(scores, axis=-1)),
        "score": tf.reduce_max(scores, axis=-1),
        "labels": tf.broadcast_to(names[None, :], tf.shape(scores)),
        "scores": scores,
    }


judged_outputs = served_outputs


def statistics(options: Options) -> tuple[str, ...]:
    """Names of what is summed."""
    return SUMS + f1.count_names(options.judged_each)


def example_statistics(
    options: Options, truth: np.ndarray, outputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Statistics of rows, float64 ``[rows, statistics]``.

    A label that is not among the served ones counts as wrong, with the loss of the smallest
    probability.
    """
    names = names_as_bytes(outputs["labels"])
    truth = names_as_bytes(truth).reshape(-1, 1)
    scores = np.asarray(outputs["scores"], np.float64)
    probability = np.where(names == truth, scores, 0.0).sum(axis=1)
    answered = names_as_bytes(outputs["label"]).reshape(-1, 1)
    correct = answered == truth
    log_loss = -np.log(np.clip(probability, SMALLEST_PROBABILITY, 1.0))
    parts = [np.ones_like(correct), correct, log_loss[:, None]]
    parts.append(gaps(scores.max(axis=1, keepdims=True), correct))
    if options.judged_each:
        each = np.array([name.encode() for name in options.judged_each])
        parts.append(f1.counts(answered == each, truth == each))
    return np.concatenate(parts, axis=1, dtype=np.float64)


def summarise(options: Options, sums: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of sums ``[..., statistics]``; NaN where there is no row."""
    rows = np.where(sums[..., 0] > 0, sums[..., 0], np.nan)
    found = {
        "accuracy": sums[..., 1] / rows,
        "log_loss": sums[..., 2] / rows,
        "calibration_error": calibration_error(sums[..., 3 : len(SUMS)], rows),
    }
    if options.judged_each:
        found["macro_f1"] = f1.macro_f1(sums[..., len(SUMS) :], len(options.judged_each))
    return found


def calibration(
    options: Options, answers: Iterator[tuple[np.ndarray, np.ndarray]]
) -> dict[str, np.ndarray]:
    """A temperature fitted on batches of (scores, label); see ``models.tasks.calibration``."""
    scores, labels = zip(*answers, strict=True)
    return fitted(np.concatenate(scores), np.concatenate(labels).reshape(-1))


def calibrated(options: Options, scores: tf.Tensor, temperature: np.ndarray) -> tf.Tensor:
    """Scores ``[batch, labels]`` at a temperature; their order stays."""
    logits = tf.math.log(tf.clip_by_value(scores, SMALLEST, 1.0))
    return tf.nn.softmax(logits / tf.constant(temperature, scores.dtype))
