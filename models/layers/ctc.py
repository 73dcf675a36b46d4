"""Connectionist temporal classification: texts shorter than what they are read from.

A network scores at each step every piece and a blank; the probability of a text is the sum over all
paths through the steps that spell it (Graves et al. 2006, https://doi.org/10.1145/1143844.1143891).
Class 0 is the blank.

In the padding the blank is certain, so that a path goes on there in one way only: neither the sum
over paths nor a search among them depends on how much padding there is.
"""

import keras
from keras import ops

from models.layers.sequence import step_mask

NOTHING = -1e30
"""A logarithm of zero that is still a number."""
LEAST = -1e8
"""Below it a logarithm counts as that of zero."""


@keras.saving.register_keras_serializable(package="rondo")
class PathScores(keras.layers.Layer):
    """Logarithms of the classes' probabilities at each step; in the padding the blank is certain.

    Call arguments: values ``[batch, time, classes]``, lengths ``[batch]``.
    Returns: float32 ``[batch, time, classes]``.
    """

    def call(self, values, lengths):
        scores = ops.log_softmax(ops.cast(values, "float32"), axis=-1)
        is_blank = ops.arange(ops.shape(values)[-1]) == 0
        padding = ops.where(is_blank, 0.0, NOTHING)
        return ops.where(step_mask(values, lengths), scores, padding)

    def compute_output_shape(self, values_shape, lengths_shape):
        return values_shape


@keras.saving.register_keras_serializable(package="rondo")
class PathLoss(keras.losses.Loss):
    """Minus the logarithm of the texts' probability, in nats a piece.

    A text that does not fit into the steps has no path, and does not count.

    Call arguments: labels int ``[batch, pieces]``, below 0 in the padding; scores as of
    ``PathScores``.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**{"name": "path_loss", **kwargs})

    def call(self, y_true, y_pred):
        nats, pieces, fits = path_nats(y_true, y_pred)
        total = ops.sum(ops.where(fits, nats, 0.0))
        return total / ops.maximum(ops.sum(ops.where(fits, pieces, 0.0)), 1.0)


def path_nats(labels, scores):
    """The texts' probabilities.

    Args:
        labels: int ``[batch, pieces]``, below 0 in the padding.
        scores: see ``PathScores``.

    Returns:
        minus the logarithm of each text's probability and the number of its pieces, float32
        ``[batch]``, and whether it has a path at all; if not, the logarithm means nothing.
    """
    labels = ops.cast(labels, "int32")
    there = labels >= 0
    pieces = ops.sum(ops.cast(there, "int32"), axis=1)
    # Between a piece and the same piece there has to be a blank.
    again = there[:, 1:] & ops.equal(labels[:, 1:], labels[:, :-1])
    needed = pieces + ops.sum(ops.cast(again, "int32"), axis=1)
    within = ops.any(scores[..., 1:] > LEAST, axis=-1)
    fits = needed <= ops.sum(ops.cast(within, "int32"), axis=1)
    # Steps of padding are steps like others here; see the module.
    steps = ops.zeros_like(pieces) + ops.shape(scores)[1]
    nats = ops.ctc_loss(ops.where(there, labels, 0), scores, pieces, steps, mask_index=0)
    return nats, ops.cast(pieces, "float32"), fits
