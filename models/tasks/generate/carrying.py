"""What a language model's network is fed, and states that go on from window to window."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops


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
