"""Layers of a language model: what is fed, states carried from window to window, and scores.

Scores of a step are figures side by side, see ``TEXT_FIGURES`` and ``SET_FIGURES``: a softmax over
all pieces is never kept for more than a window.
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
class Fed(keras.layers.Layer):
    """What is fed when the steps of a window are to be predicted: those one step earlier.

    Call arguments: steps ``[batch, time, ...]``; the one before the window ``[batch, ...]``, zeros
    where nothing is before it.
    Returns: ``[batch, time, ...]``.
    """

    def call(self, steps, before):
        return ops.concatenate([ops.expand_dims(before, 1), steps[:, :-1]], axis=1)

    def compute_output_shape(self, steps_shape, before_shape):
        return steps_shape


class _Held:
    """States between two windows, kept out of the network's weights; of any number of rows."""

    def __init__(self, sizes: list[Any]) -> None:
        self.variables = [
            tf.Variable(
                tf.zeros([0, *size], dtype), trainable=False, shape=tf.TensorShape([None, *size])
            )
            for size, dtype in sizes
        ]


@keras.saving.register_keras_serializable(package="rondo")
class Carried(keras.layers.Layer):
    """A recurrent layer that goes on where the window before ended.

    Row by row: the rows of a batch are the next windows of what the rows of the batch before were
    windows of.  No gradient goes back beyond a window (truncated backpropagation through time,
    Williams & Peng 1990, https://doi.org/10.1162/neco.1990.2.4.490).

    Call arguments: values ``[batch, time, features]``; whether a row begins anew, boolean
    ``[batch]``.
    Returns: ``[batch, time, units]``.

    Args:
        recurrent: the layer, a ``keras.layers.RNN``.
        weight_dropout: share of its recurrent weights that a window goes without in training, the
            same ones at each step (Merity et al. 2018, https://arxiv.org/abs/1708.02182).
        **kwargs: of ``keras.layers.Layer``.
    """

    def __init__(self, recurrent: Any, weight_dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(recurrent, dict):
            recurrent = keras.saving.deserialize_keras_object(recurrent)
        recurrent.return_sequences = recurrent.return_state = True
        self.recurrent = recurrent
        self.weight_dropout = weight_dropout
        self.seed_generator = keras.random.SeedGenerator()
        self.supports_jit = False

    def build(self, values_shape, begins_shape=None):
        self.recurrent.build(tuple(values_shape))
        first = self.recurrent.cell.get_initial_state(batch_size=1)
        sizes = [(tuple(part.shape[1:]), part.dtype) for part in keras.tree.flatten(first)]
        self._held = _Held(sizes)

    def call(self, values, begins, training=False):
        rows = tf.shape(values)[0]
        first = self.first(rows)
        carried = []
        for held, zero in zip(self._held.variables, first, strict=True):
            # Where more rows come than are held, nothing is before those beyond.
            kept = tf.concat([held.read_value(), zero], axis=0)[:rows]
            anew = tf.reshape(begins, [-1] + [1] * (zero.shape.rank - 1))
            carried.append(tf.ensure_shape(tf.where(anew, zero, kept), zero.shape))
        outputs, states = self.go_on(values, carried, training)
        for held, state in zip(self._held.variables, states, strict=True):
            held.assign(state)
        return outputs

    def first(self, rows: Any) -> list[Any]:
        """The states before the first step of so many rows."""
        return keras.tree.flatten(self.recurrent.cell.get_initial_state(batch_size=rows))

    def go_on(self, values: Any, states: list[Any], training: bool = False) -> tuple[Any, list]:
        """Outputs ``[batch, time, units]`` and states after values ``[batch, time, features]``."""
        if not (training and self.weight_dropout):
            outputs, *states = self.recurrent(values, initial_state=states, training=training)
            return outputs, states
        dropped = [
            (weight, keras.random.dropout(weight.value, self.weight_dropout,
                                          seed=self.seed_generator))
            for weight in self.recurrent.trainable_weights
            if weight.name == "recurrent_kernel"
        ]  # fmt: skip
        with keras.StatelessScope(state_mapping=dropped):
            outputs, *states = self.recurrent(values, initial_state=states, training=training)
        return outputs, states

    def compute_output_shape(self, values_shape, begins_shape=None):
        return (*values_shape[:2], self.recurrent.cell.output_size)

    def get_config(self):
        recurrent = keras.saving.serialize_keras_object(self.recurrent)
        return {
            **super().get_config(),
            "recurrent": recurrent,
            "weight_dropout": self.weight_dropout,
        }


@keras.saving.register_keras_serializable(package="rondo")
class Begins(keras.layers.Layer):
    """Whether nothing is before a window.

    Call arguments: whether something is, int32 ``[batch]``.
    Returns: boolean ``[batch]``.
    """

    def call(self, goes_on):
        return ops.equal(goes_on, 0)


@keras.saving.register_keras_serializable(package="rondo")
class LastSteps(keras.layers.Layer):
    """The last steps within the length; a shorter row's first step takes the place of those that it
    has not.

    Call arguments: values ``[batch, time, ...]``, lengths int32 ``[batch]``.
    Returns: ``[batch, count, ...]``.

    Args:
        count: how many.
        **kwargs: of ``keras.layers.Layer``.
    """

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count

    def call(self, values, lengths):
        places = ops.expand_dims(lengths, 1) - self.count + ops.arange(self.count, dtype="int32")
        places = ops.maximum(places, 0)
        wide = ops.reshape(places, (-1, self.count) + (1,) * (len(values.shape) - 2))
        wide = ops.broadcast_to(wide, (*ops.shape(places), *ops.shape(values)[2:]))
        return ops.take_along_axis(values, wide, axis=1)

    def compute_output_shape(self, values_shape, lengths_shape):
        return (values_shape[0], self.count, *values_shape[2:])

    def get_config(self):
        return {**super().get_config(), "count": self.count}


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
