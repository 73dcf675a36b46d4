"""The graph of a tagging task: head, loss, served outputs, statistics, baseline.

The label of padding is -1, and so is a label that the train split lacks: neither counts in the loss
nor in what is shown while training.  The release judges every step.

The trivial baseline answers each step with the label frequencies of the train split; its label is
the most frequent one.
"""

from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from models.asked import Asked
from models.features.analyzers import Analyzers, Learnt
from models.layers.sequence import Sequence as Steps
from models.options import LABEL
from models.tasks.names import SMALLEST_PROBABILITY, Labels, frequencies, names_as_bytes
from models.tasks.tag import Options

STATISTICS = ("tokens", "correct", "log_loss")
NO_LABEL = -1


def preprocess(
    options: Options, raw: Mapping[str, tf.RaggedTensor], analyzers: Analyzers
) -> dict[str, tf.RaggedTensor]:
    """Raw labels, string ``[batch, (time)]``, to ``{"label": int64 [batch, (time)]}``."""
    return {LABEL: analyzers.vocabulary(raw[options.label], LABEL, top_k=None)}


def label_names(options: Options, learnt: Learnt) -> list[str]:
    """The labels, in the order of the scores."""
    return learnt.vocabulary(LABEL)


def head(options: Options, body: Steps, learnt: Learnt) -> keras.KerasTensor:
    """``[batch, time, units]`` to probabilities ``[batch, time, labels]``, float32."""
    classes = learnt.vocabulary_size(LABEL)
    return keras.layers.Dense(classes, activation="softmax", dtype="float32", name="tag.scores")(
        body.values
    )


def loss(options: Options, learnt: Learnt, labels: Labels | None) -> keras.losses.Loss:
    """Cross-entropy of the true label, in nats a step, over the steps that have one."""
    return keras.losses.SparseCategoricalCrossentropy(ignore_class=NO_LABEL)


@keras.saving.register_keras_serializable(package="rondo")
class TokenAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """Share of the steps with a label that got theirs.

    Call arguments: labels int ``[batch, time]``, -1 where there is none; scores ``[batch, time,
    labels]``.
    """

    def update_state(self, y_true, y_pred, sample_weight=None):
        has_label = ops.cast(ops.not_equal(y_true, NO_LABEL), self.dtype)
        super().update_state(y_true, y_pred, sample_weight=has_label)


def training_metrics(options: Options, learnt: Learnt) -> list[keras.metrics.Metric]:
    """What is shown while training, beside the loss."""
    return [TokenAccuracy(name="token_accuracy")]


def baseline(
    options: Options, labels: Iterable[np.ndarray], learnt: Learnt
) -> dict[str, np.ndarray]:
    """Scores of the trivial baseline for a step.

    Args:
        options: the task's options.
        labels: transformed labels of the train split, int64 ``[time]`` a row.
        learnt: holds the label vocabulary.

    Returns:
        ``label`` float32 ``[labels]``: label frequencies, each label counted once more than it
        occurs.
    """
    return {LABEL: frequencies(labels, learnt.vocabulary_size(LABEL))}


def baseline_scores(
    options: Options, baseline: Mapping[str, np.ndarray], asked: Asked
) -> tf.Tensor:
    """The baseline's answer to a batch, as the network would give it: ``[batch, time, labels]``."""
    shares = baseline[LABEL]
    steps = tf.shape(asked.inputs[options.aligned[0]])[:2]
    shape = tf.concat([steps, [len(shares)]], axis=0)
    return tf.broadcast_to(tf.constant(shares), shape)


def served_outputs(
    options: Options, scores: tf.Tensor, labels: Sequence[str], asked: Asked
) -> dict[str, tf.Tensor]:
    """What a client gets.

    Args:
        options: the task's options.
        scores: float32 ``[batch, time, labels]``.
        labels: the label names, in the order of the scores.
        asked: the batch.

    Returns:
        ``labels`` string and their ``scores`` float32, ``[batch, time]``, right-padded with ``""``
        and 0, and the ``length`` of each row, int32 ``[batch]``.
    """
    lengths = asked.inputs[f"{options.aligned[0]}_length"]
    mask = tf.sequence_mask(lengths, tf.shape(scores)[1])
    names = tf.gather(tf.constant(list(labels)), tf.argmax(scores, axis=-1))
    return {
        "labels": tf.where(mask, names, ""),
        "scores": tf.where(mask, tf.reduce_max(scores, axis=-1), 0.0),
        "length": lengths,
    }


def judged_outputs(
    options: Options, scores: tf.Tensor, labels: Sequence[str], asked: Asked
) -> dict[str, tf.Tensor]:
    """What ``example_statistics`` reads: the served outputs, and every label's score.

    Returns:
        the served outputs; ``names`` string ``[batch, labels]`` and ``all_scores`` float32
        ``[batch, time, labels]``.
    """
    names = tf.constant(list(labels))
    return served_outputs(options, scores, labels, asked) | {
        "names": tf.broadcast_to(names, [tf.shape(scores)[0], len(labels)]),
        "all_scores": scores,
    }


def statistics(options: Options) -> tuple[str, ...]:
    """Names of what is summed over the rows."""
    return STATISTICS


def example_statistics(
    options: Options, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Statistics of each row that can be summed; see ``statistics``.

    Args:
        options: the task's options.
        targets: under the label's column, the raw labels by name, bytes or str ``[rows, time]``.
        outputs: judged outputs.

    Returns:
        float64 ``[rows, 3]``.  A label that is not among the served ones counts as wrong, with the
        loss of the smallest probability.

    Raises:
        ValueError: a row has another number of answers than of labels.
    """
    truth = names_as_bytes(targets[options.label])
    steps = truth.shape[1]
    lengths = np.asarray(outputs["length"]).reshape(-1)
    if (lengths != steps).any():
        raise ValueError(f"{lengths.tolist()} steps were answered, where rows have {steps} labels")
    names = names_as_bytes(outputs["names"])[:, None, :]
    scores = np.asarray(outputs["all_scores"], np.float64)[:, :steps]
    probability = np.where(names == truth[:, :, None], scores, 0.0).sum(axis=-1)
    correct = names_as_bytes(outputs["labels"])[:, :steps] == truth
    log_loss = -np.log(np.clip(probability, SMALLEST_PROBABILITY, 1.0))
    return np.stack([np.full(len(truth), steps), correct.sum(axis=1), log_loss.sum(axis=1)], axis=1)


def summarise(options: Options, sums: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics from summed statistics.

    Args:
        options: the task's options.
        sums: float64 ``[..., 3]``, sums over the same rows.

    Returns:
        ``token_accuracy`` (a share) and ``log_loss`` (nats a step), ``[...]``; NaN where there is
        no step.
    """
    tokens = np.where(sums[..., 0] > 0, sums[..., 0], np.nan)
    return {"token_accuracy": sums[..., 1] / tokens, "log_loss": sums[..., 2] / tokens}
