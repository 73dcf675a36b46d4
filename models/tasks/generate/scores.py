"""Scores of pieces and of sets: figures of each step side by side.

So a softmax over all pieces is never kept for more than a window.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

TEXT_FIGURES = ("log_probability", "right")
"""Of a step: natural logarithm of the right piece's probability; 1 where it is the likeliest, 0
where not, -1 where that is not known (sampled softmax)."""
SET_FIGURES = ("log_probability", "right", "found", "answered", "there")
"""Of a step: natural logarithm of the set's probability, 1 where it is answered exactly, members
answered rightly, members answered, members of the set."""


@keras.saving.register_keras_serializable(package="rondo")
class AllIds(keras.layers.Layer):
    """All ids there are, int32 ``[size]``, whatever the call's argument holds.

    Args:
        size: how many.
        **kwargs: of ``keras.layers.Layer``.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, anything):
        return ops.arange(self.size, dtype="int32")

    def compute_output_spec(self, anything):
        return keras.KerasTensor((self.size,), dtype="int32")

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="rondo")
class TextScores(keras.layers.Layer):
    """Scores the pieces of a text.

    Call arguments: values ``[batch, time, units]``; the pieces that came, int32 ``[batch, time]``;
    and, where the weights are tied, the vectors of all pieces ``[pieces, units]``.
    Returns: float32 ``[batch, time, figures]``, see ``TEXT_FIGURES``.

    Args:
        size: how many ids there are; 0 is none of a piece.
        tied: whether the vectors are given.
        samples: pieces that the right one is held against in training; all if None.
        end: the id behind which nothing is written; None if there is no such.
        **kwargs: of ``keras.layers.Layer``.
    """

    def __init__(
        self,
        size: int,
        tied: bool = True,
        samples: int | None = None,
        end: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.size, self.tied, self.samples, self.end = size, tied, samples, end
        self.supports_jit = samples is None

    def build(self, values_shape, pieces_shape=None, vectors_shape=None):
        if not self.tied:
            self.vectors = self.add_weight(shape=(self.size, values_shape[-1]), name="vectors")
        self.bias = self.add_weight(shape=(self.size,), initializer="zeros", name="bias")

    def call(self, values, pieces, vectors=None, training=False):
        vectors = vectors if self.tied else ops.convert_to_tensor(self.vectors)
        if training and self.samples is not None:
            nats = self._sampled(values, pieces, vectors)
            return ops.stack([-nats, -ops.ones_like(nats)], axis=-1)
        logits = self.logits(values, vectors)
        own = -ops.sparse_categorical_crossentropy(pieces, logits, from_logits=True)
        right = ops.cast(ops.equal(ops.argmax(logits, axis=-1), pieces), "float32")
        return ops.stack([own, ops.stop_gradient(right)], axis=-1)

    def logits(self, values, vectors=None):
        """Scores of all pieces, ``[..., size]``; that of 0 is far below all others."""
        vectors = vectors if self.tied else ops.convert_to_tensor(self.vectors)
        none = ops.concatenate([ops.full((1,), -1e9), ops.zeros((self.size - 1,))])
        return ops.matmul(values, ops.transpose(vectors)) + (self.bias + none)

    def _sampled(self, values, pieces, vectors):
        """Nats of the pieces against some others (Jean et al. 2015,
        https://arxiv.org/abs/1412.2007).  Ids are by rank, so that these are drawn by Zipf's law.
        """
        flat = tf.reshape(values, [-1, values.shape[-1]])
        right = tf.reshape(pieces, [-1, 1])
        nats = tf.nn.sampled_softmax_loss(
            vectors,
            ops.convert_to_tensor(self.bias),
            right,
            flat,
            min(self.samples, self.size - 1),
            self.size,
        )
        return tf.reshape(nats, tf.shape(pieces))

    def compute_output_shape(self, values_shape, pieces_shape=None, vectors_shape=None):
        return (*values_shape[:2], len(TEXT_FIGURES))

    def get_config(self):
        own = {name: getattr(self, name) for name in ("size", "tied", "samples", "end")}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="rondo")
class SetScores(keras.layers.Layer):
    """Scores sets, each member by itself.

    Call arguments: values ``[batch, time, units]``, the sets that came ``[batch, time, members]``
    as zeros and ones.
    Returns: float32 ``[batch, time, figures]``, see ``SET_FIGURES``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})

    def build(self, values_shape, sets_shape):
        self.dense = keras.layers.Dense(sets_shape[-1], dtype="float32", name="members")
        self.dense.build(values_shape)

    def call(self, values, sets):
        return set_figures(self.logits(values), sets)

    def logits(self, values):
        """Log-odds of each member, ``[..., members]``."""
        return self.dense(values)

    def compute_output_shape(self, values_shape, sets_shape):
        return (*values_shape[:2], len(SET_FIGURES))


def set_figures(logits, sets):
    """``SET_FIGURES`` ``[..., figures]`` of log-odds and sets, both ``[..., members]``."""
    there = ops.cast(sets > 0.5, "float32")
    own = ops.sum(there * logits - ops.softplus(logits), axis=-1)
    answered = ops.cast(logits > 0.0, "float32")
    counts = [
        ops.cast(ops.all(ops.equal(answered, there), axis=-1), "float32"),
        ops.sum(answered * there, axis=-1),
        ops.sum(answered, axis=-1),
        ops.sum(there, axis=-1),
    ]
    return ops.stack([own, *map(ops.stop_gradient, counts)], axis=-1)
