"""Transformer encoder block over right-padded sequences, behind recurrent layers."""

from typing import Any

import keras
from keras import ops

from models.layers.sequence import step_mask, zero_padding


@keras.saving.register_keras_serializable(package="rondo")
class TransformerBlock(keras.layers.Layer):
    """Self-attention, then a feed-forward layer, each normalised before and added to its input.

    Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, with the normalisation in front (Xiong
    et al. 2020, https://arxiv.org/abs/2002.04745).  It knows nothing of the order of the steps:
    the recurrent layers before it do.

    Args:
        heads: of the attention; they share the units.
        feed_forward_units: width of the feed-forward layer; four times the units if None.
        dropout: share dropped of the attention weights and of what is added to the input.
        activation: of the feed-forward layer.

    Call arguments: values ``[batch, time, units]``, lengths ``[batch]``.
    Returns: ``[batch, time, units]``, 0 in the padding.

    Raises:
        ValueError: fewer than one head or, when built, units that the heads do not divide.
    """

    def __init__(
        self,
        heads: int = 4,
        feed_forward_units: int | None = None,
        dropout: float = 0.0,
        activation: Any = "relu",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if heads < 1:
            raise ValueError(f"heads: {heads} came; at least 1 is needed")
        self.heads = heads
        self.feed_forward_units = feed_forward_units
        self.dropout = dropout
        self.activation = keras.activations.get(activation)

    def build(self, values_shape, lengths_shape):
        units = values_shape[-1]
        if units % self.heads:
            raise ValueError(
                f"heads: {self.heads} do not divide the {units} units of the values (change one "
                "of them)"
            )
        policy = self.dtype_policy
        self.attention_norm = keras.layers.LayerNormalization(dtype=policy, name="attention_norm")
        self.attention = keras.layers.MultiHeadAttention(
            self.heads, units // self.heads, dropout=self.dropout, dtype=policy, name="attention"
        )
        self.forward_norm = keras.layers.LayerNormalization(dtype=policy, name="forward_norm")
        width = self.feed_forward_units or 4 * units
        self.widening = keras.layers.Dense(
            width, activation=self.activation, dtype=policy, name="widening"
        )
        self.narrowing = keras.layers.Dense(units, dtype=policy, name="narrowing")
        self.drop = keras.layers.Dropout(self.dropout, dtype=policy, name="dropout")
        self.attention_norm.build(values_shape)
        self.attention.build(values_shape, values_shape)
        self.forward_norm.build(values_shape)
        self.widening.build(values_shape)
        self.narrowing.build((*values_shape[:2], width))

    def _attended(self, values, lengths, training, **options):
        """The attention's part of a sequence whose padding is 0."""
        normed = self.attention_norm(values)
        seen = ops.swapaxes(step_mask(values, lengths), 1, 2)  # [batch, 1, time]
        # One mask a query: no backend then has to guess which axis would be broadcast.
        seen = ops.broadcast_to(seen, (*ops.shape(values)[:2], ops.shape(values)[1]))
        return self.attention(normed, normed, attention_mask=seen, training=training, **options)

    def attend(self, values, lengths):
        """The block's answer, and the weights ``[batch, heads, time, time]`` that it used.

        The weights of step t over all steps stand in ``[:, :, t]``; 0 in the padding.
        """
        values = zero_padding(values, lengths)
        attended, weights = self._attended(values, lengths, False, return_attention_scores=True)
        inside = step_mask(values, lengths)  # [batch, time, 1]
        asked = ops.logical_and(inside, ops.swapaxes(inside, 1, 2))[:, None]
        weights = ops.where(asked, weights, ops.zeros_like(weights))
        return self._fed_forward(values + attended, lengths, False), weights

    def _fed_forward(self, values, lengths, training):
        wide = self.widening(self.forward_norm(values))
        values = values + self.drop(self.narrowing(wide), training=training)
        return zero_padding(values, lengths)

    def call(self, values, lengths, training=None):
        values = zero_padding(values, lengths)
        attended = self._attended(values, lengths, training)
        return self._fed_forward(values + self.drop(attended, training=training), lengths, training)

    def compute_output_shape(self, values_shape, lengths_shape):
        return values_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "heads": self.heads,
            "feed_forward_units": self.feed_forward_units,
            "dropout": self.dropout,
            "activation": keras.activations.serialize(self.activation),
        }
