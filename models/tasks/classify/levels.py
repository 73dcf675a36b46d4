"""The layer and the metric of labels in order."""

import math
from typing import Any

import keras
from keras import ops

SMALLEST_GAP = 1e-4
"""Between two cut points; at none, the level between them would have no probability at all."""


@keras.saving.register_keras_serializable(package="rondo")
class CumulativeLink(keras.layers.Layer):
    """``[batch, units]`` to the probabilities of levels in order, ``[batch, levels]``.

    ``P(level <= k) = sigmoid(cut_k - weights @ inputs)``.  The cut points stand in order whatever
    is learnt: the first is a weight, each further one lies beyond the one before by a softplus.

    Args:
        levels: how many, two at least.
    """

    def __init__(self, levels: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.levels = levels

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 1), name="kernel")
        # At first the cut points lie one apart, around nought.
        middle = keras.initializers.Constant(-(self.levels - 2) / 2.0)
        self.first = self.add_weight(shape=(1,), initializer=middle, name="first")
        one = keras.initializers.Constant(math.log(math.e - 1.0))
        self.gaps = self.add_weight(shape=(self.levels - 2,), initializer=one, name="gaps")

    def call(self, inputs):
        height = ops.matmul(inputs, self.kernel)
        gaps = ops.softplus(self.gaps) + SMALLEST_GAP
        cuts = ops.concatenate([self.first, self.first + ops.cumsum(gaps)])
        beyond = ops.expand_dims(cuts, 0) - height  # (batch, levels - 1)
        # In logarithms, so that no small difference of two sigmoids near 1 is taken:
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)).
        between = ops.log(-ops.expm1(-gaps))
        above, below = ops.log_sigmoid(-beyond), ops.log_sigmoid(beyond)
        inner = below[:, 1:] + above[:, :-1] + between
        # Of values that add up to one softmax changes nothing, and the loss finds its logits.
        return ops.softmax(ops.concatenate([below[:, :1], inner, above[:, -1:]], axis=-1))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.levels)

    def get_config(self):
        return {**super().get_config(), "levels": self.levels}


@keras.saving.register_keras_serializable(package="rondo")
class RankError(keras.metrics.Mean):
    """Mean distance of the likeliest level from the true one, in ranks."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        answered = ops.cast(ops.argmax(y_pred, axis=-1), self.dtype)
        true = ops.cast(ops.reshape(y_true, (-1,)), self.dtype)
        super().update_state(ops.abs(answered - true), sample_weight)
