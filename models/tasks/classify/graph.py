"""The graph of a classification task: head, loss, served outputs, statistics, baseline.

The trivial baseline answers every row with the label frequencies of the train split; its label is
the most frequent one.
"""

from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from models.asked import Asked
from models.features.analyzers import Analyzers, Learnt
from models.options import LABEL
from models.tasks.classify import Options
from models.tasks.names import SMALLEST_PROBABILITY, Labels, frequencies, names_as_bytes

STATISTICS = ("rows", "correct", "log_loss")


def preprocess(
    options: Options, raw: Mapping[str, tf.Tensor], analyzers: Analyzers
) -> dict[str, tf.Tensor]:
    """Raw labels, string ``[batch]``, to ``{"label": int64 [batch]}``; unknown ones are -1."""
    return {LABEL: analyzers.vocabulary(raw[options.label], LABEL, top_k=None)}


def label_names(options: Options, learnt: Learnt) -> list[str]:
    """The labels, in the order of the scores."""
    return learnt.vocabulary(LABEL)


def head(options: Options, body: keras.KerasTensor, learnt: Learnt) -> keras.KerasTensor:
    """``[batch, units]`` to probabilities ``[batch, labels]``, float32."""
    classes = learnt.vocabulary_size(LABEL)
    return keras.layers.Dense(
        classes, activation="softmax", dtype="float32", name="classify.scores"
    )(body)


def loss(options: Options, learnt: Learnt, labels: Labels | None) -> keras.losses.Loss:
    """Cross-entropy of the true label, in nats."""
    return keras.losses.SparseCategoricalCrossentropy()


def training_metrics(options: Options, learnt: Learnt) -> list[keras.metrics.Metric]:
    """What is shown while training, beside the loss."""
    return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]


def baseline(
    options: Options, labels: Iterable[np.ndarray], learnt: Learnt
) -> dict[str, np.ndarray]:
    """Scores of the trivial baseline.

    Args:
        options: the task's options.
        labels: transformed labels of the train split, an int64 scalar a row.
        learnt: holds the label vocabulary.

    Returns:
        ``label`` float32 ``[labels]``: label frequencies, each label counted once more than it
        occurs.
    """
    return {LABEL: frequencies(labels, learnt.vocabulary_size(LABEL))}


def baseline_scores(
    options: Options, baseline: Mapping[str, np.ndarray], asked: Asked
) -> tf.Tensor:
    """The baseline's answer to a batch, as the network would give it: ``[batch, labels]``."""
    shares = tf.constant(baseline[LABEL])
    return tf.broadcast_to(shares, [asked.rows, len(baseline[LABEL])])


def served_outputs(
    options: Options, scores: tf.Tensor, labels: Sequence[str], asked: Asked
) -> dict[str, tf.Tensor]:
    """What a client gets.

    Args:
        options: the task's options.
        scores: float32 ``[batch, labels]``.
        labels: the label names, in the order of the scores.
        asked: the batch.

    Returns:
        ``label`` string ``[batch]`` and its ``score`` float32 ``[batch]``; all ``labels`` string
        and their ``scores`` float32, ``[batch, labels]``.
    """
    names = tf.constant(list(labels))
    return {
        "label": tf.gather(names, tf.argmax(scores, axis=-1)),
        "score": tf.reduce_max(scores, axis=-1),
        "labels": tf.broadcast_to(names[None, :], tf.shape(scores)),
        "scores": scores,
    }


judged_outputs = served_outputs
"""What ``example_statistics`` reads."""


def statistics(options: Options) -> tuple[str, ...]:
    """Names of what is summed over the rows."""
    return STATISTICS


def example_statistics(
    options: Options, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Statistics of each row that can be summed; see ``statistics``.

    Args:
        options: the task's options.
        targets: under the label's column, the raw labels by name, bytes or str ``[rows]``.
        outputs: served outputs, with the names of the served labels.

    Returns:
        float64 ``[rows, 3]``.  A label that is not among the served ones counts as wrong, with the
        loss of the smallest probability.
    """
    names = names_as_bytes(outputs["labels"])
    truth = names_as_bytes(targets[options.label]).reshape(-1, 1)
    scores = np.asarray(outputs["scores"], np.float64)
    probability = np.where(names == truth, scores, 0.0).sum(axis=1)
    correct = names_as_bytes(outputs["label"]).reshape(-1) == truth[:, 0]
    log_loss = -np.log(np.clip(probability, SMALLEST_PROBABILITY, 1.0))
    return np.stack([np.ones(len(truth)), correct, log_loss], axis=1)


def summarise(options: Options, sums: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics from summed statistics.

    Args:
        options: the task's options.
        sums: float64 ``[..., 3]``, sums over the same rows.

    Returns:
        ``accuracy`` (a share) and ``log_loss`` (nats a row), ``[...]``; NaN where there is no row.
    """
    rows = np.where(sums[..., 0] > 0, sums[..., 0], np.nan)
    return {"accuracy": sums[..., 1] / rows, "log_loss": sums[..., 2] / rows}
