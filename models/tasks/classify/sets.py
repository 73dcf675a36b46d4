"""Sets of labels as ids, and back.

A row's set is a list of ids.  Where each step has a set, these stand one behind the other in one
list, and ``STEP`` opens each of them: so an example has one axis of varying length, and an empty
set is told from padding.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from models.features.analyzers import Analyzers
from models.options import LABEL
from models.tasks.classify import SEPARATOR

STEP = -2
"""Opens the set of a step; an id of -1 is an unknown label or padding."""


def ids_of_sets(raw: tf.Tensor | tf.RaggedTensor, analyzers: Analyzers) -> tf.RaggedTensor:
    """Sets as texts, string ``[batch]`` or ``[batch, (time)]``, to ids int64 ``[batch, (ids)]``."""
    names = tf.strings.split(raw, SEPARATOR)
    # An empty text splits to one empty name.
    names = tf.ragged.boolean_mask(names, tf.not_equal(names, ""))
    ids = names.with_flat_values(analyzers.vocabulary(names.flat_values, LABEL, top_k=None))
    if not isinstance(raw, tf.RaggedTensor):
        return ids
    opening = raw.with_values(tf.fill([tf.size(raw.values), 1], tf.constant(STEP, tf.int64)))
    return tf.concat([opening, ids], axis=2).merge_dims(1, 2)


def present_labels(y_true: Any, y_pred: Any) -> tuple[Any, Any | None]:
    """Which labels are in each set, in the shape of the scores.

    Args:
        y_true: ids int ``[batch, ids]``, padded with -1.
        y_pred: scores ``[batch, labels]`` or ``[batch, time, labels]``.

    Returns:
        0 or 1 in the shape and dtype of ``y_pred``; and which steps are within the length, 0 or 1
        ``[batch, time]``, None where there are no steps.
    """
    labels = ops.shape(y_pred)[-1]
    ids = ops.cast(y_true, "int32")
    each = ops.one_hot(ids, labels, dtype=y_pred.dtype)  # (batch, ids, labels)
    if len(y_pred.shape) == 2:
        return ops.minimum(ops.sum(each, axis=1), 1.0), None
    opened = ops.cumsum(ops.cast(ids == STEP, "int32"), axis=1)
    time = ops.shape(y_pred)[1]
    at = ops.one_hot(opened - 1, time, dtype=y_pred.dtype)  # (batch, ids, time)
    present = ops.matmul(ops.transpose(at, (0, 2, 1)), each)
    inside = ops.arange(time)[None, :] < opened[:, -1:]
    return ops.minimum(present, 1.0), ops.cast(inside, y_pred.dtype)


def steps_opened(ids: np.ndarray) -> int:
    """How many sets a list of ids of steps holds."""
    return int((np.asarray(ids) == STEP).sum())


@keras.saving.register_keras_serializable(package="rondo")
class MicroF1(keras.metrics.Metric):
    """F1 over all labels of all sets together.

    Call arguments: see ``present_labels``.

    Args:
        threshold: score from which on a label is answered.
    """

    def __init__(self, threshold: float = 0.5, name: str = "micro_f1", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.counts = self.add_weight(shape=(3,), initializer="zeros", name="counts")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred)
        present, inside = present_labels(y_true, y_pred)
        answered = ops.cast(y_pred >= self.threshold, y_pred.dtype)
        if inside is not None:
            answered = answered * inside[..., None]
        found = [ops.sum(answered * present), ops.sum(answered), ops.sum(present)]
        self.counts.assign_add(ops.cast(ops.stack(found), self.dtype))

    def result(self):
        return 2.0 * self.counts[0] / ops.maximum(self.counts[1] + self.counts[2], 1.0)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}
