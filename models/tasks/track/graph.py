"""The graph of a tracking task: labels, loss, served outputs, baseline.

Labels of a turn are integers side by side: of each slot the place of its value (``values_of``), -2
where neither the train split nor the options have it, then of each flag 1 or 0; all are -1 in the
padding.  The scores of a turn are side by side too: of each slot a distribution over its values, of
each flag a probability.

The trivial baseline answers each turn with the frequencies of the train split: each slot's most
frequent value, ``none`` mostly.
"""

from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from models.asked import Asked
from models.features.analyzers import Analyzers, Learnt
from models.options import LABEL
from models.raw import length_name
from models.tasks.names import PADDING, UNKNOWN, Labels, frequencies
from models.tasks.track import Options, flag_target, goal_target
from models.tasks.track.judging import example_statistics, statistics, summarise
from models.tasks.track.network import build, known_values, values_of, vocabulary
from models.tasks.track.streaming import by_name, endpoints

__all__ = ["build", "endpoints", "example_statistics", "statistics", "summarise"]

SMALLEST = 1e-6
"""The least probability that the loss sees."""


def preprocess(
    options: Options, raw: Mapping[str, tf.RaggedTensor], analyzers: Analyzers
) -> dict[str, tf.RaggedTensor]:
    """Raw goals, string ``[batch, (turns)]``, and flags, numbers, to the labels of each turn.

    Returns:
        ``{"label": int64 [batch, (turns), slots + flags]}``.
    """
    places = [
        analyzers.vocabulary(
            raw[goal_target(slot)], vocabulary(slot), None, known_values(options, slot)
        )
        for slot in options.slots
    ]
    flags = [raw[flag_target(name)] for name in options.flags]
    unknown = tf.constant(UNKNOWN, tf.int64)
    columns = [tf.where(part.flat_values < 0, unknown, part.flat_values) for part in places]
    columns += [tf.cast(part.flat_values > 0.5, tf.int64) for part in flags]
    return {LABEL: places[0].with_flat_values(tf.stack(columns, axis=-1))}


def label_names(options: Options, learnt: Learnt) -> list[str]:
    """Each score by name: ``slot=value``, and the flags."""
    names = [
        f"{slot}={value}" for slot in options.slots for value in values_of(options, slot, learnt)
    ]
    return names + list(options.flags)


def sizes_of(options: Options, learnt: Learnt) -> list[int]:
    """How many values each slot has."""
    return [len(values_of(options, slot, learnt)) for slot in options.slots]


@keras.saving.register_keras_serializable(package="rondo")
class TrackLoss(keras.losses.Loss):
    """Cross-entropy in nats a turn, summed over slots and flags.

    Call arguments: labels int ``[batch, turns, slots + flags]``, see the module; scores ``[batch,
    turns, scores]``.

    Args:
        sizes: how many values each slot has.
        **kwargs: of ``keras.losses.Loss``.
    """

    def __init__(self, sizes: Sequence[int], **kwargs) -> None:
        super().__init__(**{"name": "track_loss", **kwargs})
        self.sizes = list(sizes)

    def call(self, y_true, y_pred):
        probability = _of_labels(y_true, y_pred, self.sizes)
        nats = -ops.log(ops.maximum(probability, SMALLEST))
        known = y_true >= 0
        turns = ops.sum(ops.cast(ops.any(known, axis=-1), y_pred.dtype))
        return ops.sum(ops.where(known, nats, 0.0)) / ops.maximum(turns, 1.0)

    def get_config(self):
        return {**super().get_config(), "sizes": self.sizes}


def _of_labels(labels, scores, sizes: Sequence[int]):
    """What the scores give to each label ``[batch, turns, slots + flags]``; below 0 anything."""
    found, begin = [], 0
    for place, size in enumerate(sizes):
        label = ops.clip(ops.cast(labels[..., place : place + 1], "int32"), 0, size - 1)
        found.append(ops.take_along_axis(scores[..., begin : begin + size], label, axis=-1))
        begin += size
    yes = scores[..., begin:]
    found.append(ops.where(labels[..., len(sizes) :] == 1, yes, 1.0 - yes))
    return ops.concatenate(found, axis=-1)


@keras.saving.register_keras_serializable(package="rondo")
class JointGoal(keras.metrics.Mean):
    """Share of the turns whose slots are all right; a value without a score is wrong.

    Call arguments: as of ``TrackLoss``.

    Args:
        sizes: how many values each slot has.
        **kwargs: of ``keras.metrics.Mean``.
    """

    def __init__(self, sizes: Sequence[int], **kwargs) -> None:
        super().__init__(**kwargs)
        self.sizes = list(sizes)

    def update_state(self, y_true, y_pred, sample_weight=None):
        right, begin = [], 0
        for place, size in enumerate(self.sizes):
            best = ops.argmax(y_pred[..., begin : begin + size], axis=-1)
            right.append(ops.equal(ops.cast(best, "int32"), ops.cast(y_true[..., place], "int32")))
            begin += size
        turns = ops.cast(ops.any(y_true != PADDING, axis=-1), self.dtype)
        joint = ops.all(ops.stack(right, axis=-1), axis=-1)
        super().update_state(ops.cast(joint, self.dtype), sample_weight=turns)

    def get_config(self):
        return {**super().get_config(), "sizes": self.sizes}


def loss(options: Options, learnt: Learnt, labels: Labels | None) -> keras.losses.Loss:
    """Cross-entropy of the goal and the flags, see ``TrackLoss``."""
    return TrackLoss(sizes_of(options, learnt))


def training_metrics(options: Options, learnt: Learnt) -> list[keras.metrics.Metric]:
    """What is shown while training, beside the loss."""
    return [JointGoal(sizes_of(options, learnt), name="joint_goal")]


def baseline(
    options: Options, labels: Iterable[np.ndarray], learnt: Learnt
) -> dict[str, np.ndarray]:
    """Scores of the trivial baseline for a turn.

    Args:
        options: the task's options.
        labels: transformed labels of the train split, int64 ``[turns, slots + flags]`` a row.
        learnt: holds the values.

    Returns:
        ``label`` float32 ``[scores]``: how frequent each value is among the turns, and each flag.
    """
    turns = np.concatenate([np.asarray(row) for row in labels])
    shares = [frequencies(turns[:, place], size)
              for place, size in enumerate(sizes_of(options, learnt))]  # fmt: skip
    yes = np.mean(turns[:, len(shares) :] == 1, axis=0)
    return {LABEL: np.concatenate([*shares, yes]).astype(np.float32)}


def baseline_scores(
    options: Options, baseline: Mapping[str, np.ndarray], asked: Asked
) -> tf.Tensor:
    """The baseline's answer to a batch, as the network's: ``[batch, turns, scores]``."""
    shares = baseline[LABEL]
    turns = tf.shape(asked.inputs[options.heard])[:2]
    return tf.broadcast_to(tf.constant(shares), tf.concat([turns, [len(shares)]], axis=0))


def served_outputs(
    options: Options, scores: tf.Tensor, labels: Sequence[str], asked: Asked
) -> dict[str, tf.Tensor]:
    """What a client gets.

    Args:
        options: the task's options.
        scores: float32 ``[batch, turns, scores]``.
        labels: their names, see ``label_names``.
        asked: the batch.

    Returns:
        for each slot ``goal_SLOT`` string, the likeliest value after each turn, and its
        ``goal_SLOT_score`` float32, both ``[batch, turns]``; of all values the names
        ``goal_SLOT_values`` string ``[batch, values]`` and the ``goal_SLOT_scores`` float32
        ``[batch, turns, values]``; the flags by name, float32 ``[batch, turns]``; and the
        ``length`` int32 ``[batch]``.  Behind a dialog's turns is padding: ``""`` and 0.
    """
    lengths = asked.inputs[length_name(options.heard, 1)]
    within = tf.sequence_mask(lengths, tf.shape(scores)[1])
    outputs = {"length": lengths}
    for name, tensor in by_name(options, scores, labels).items():
        if not name.endswith("_values"):
            mask = within[..., None] if name.endswith("_scores") else within
            tensor = tf.where(mask, tensor, tf.zeros([], tensor.dtype))
        outputs[name] = tensor
    return outputs


def judged_outputs(
    options: Options, scores: tf.Tensor, labels: Sequence[str], asked: Asked
) -> dict[str, tf.Tensor]:
    """What ``example_statistics`` reads: the served outputs and, where the recogniser's scores are
    known, the best of each turn, ``confidence`` float32 ``[batch, turns]``.
    """
    outputs = served_outputs(options, scores, labels, asked)
    if options.scores is not None:
        outputs["confidence"] = tf.reduce_max(asked.inputs[options.scores], axis=-1)
    return outputs
