"""Matrix LSTM (xLSTM, Beck et al. 2024, https://arxiv.org/abs/2405.04517).

Each head keeps a matrix ``C``, in which it stores values under keys, and a normaliser ``n``; ``i``
and ``f`` are one number a head and step (equations 19 to 27 of the paper)::

    C_t = f C_{t-1} + i v k'     n_t = f n_{t-1} + i k     h_t = o * C_t q / max(|n_t' q|, 1)

No gate reads the state, so a step can be computed from all earlier ones at once: so does ``MLSTM``
(``models.layers.matrix_memory``), while ``MLSTMCell`` goes step by step.  Both answer alike.

As in sLSTM, the states are kept divided by ``exp(m)``.
"""

import math
from typing import Any

import keras
from keras import ops

from models.layers.heads import ExponentialCell
from models.layers.matrix_memory import MLSTM, smallest_scale, split
from models.layers.recurrence import State


@keras.saving.register_keras_serializable(package="rondo")
class MLSTMCell(ExponentialCell):
    """Matrix memory, one step at a time.

    The states are ``C`` ``[batch, heads * size * size]``, ``n`` ``[batch, units]`` and ``m``
    ``[batch, heads]``, where ``size = units / heads``.  The forget gate's biases start evenly
    spread over the heads from 6 to 3 (memories that fade by half in 280 to 14 steps), or from
    ``log(timescale - 1)`` to 0 (memories of ``timescale`` to 2 steps).

    Args:
        units: width.
        heads: memories side by side; divides ``units``.
        timescale: longest dependency expected, in timesteps.
        **kwargs: of ``keras.layers.Layer``.

    Raises:
        ValueError: ``heads`` does not divide ``units``, or ``timescale`` is below 3.
    """

    def __init__(
        self, units: int, heads: int = 4, timescale: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(units, heads, timescale, **kwargs)
        self.state_size = [units * self.head_units, units, heads]

    def build(self, inputs_shape):
        # The last axis is q, k, v, o of `units` each, then i and f of `heads` each.
        features, units, heads = inputs_shape[-1], self.units, self.heads
        self.kernel = self.add_weight((features, 4 * units), "glorot_uniform", name="kernel")
        self.bias = self.add_weight((4 * units,), "zeros", name="bias")
        self.gate_kernel = self.add_weight(
            (features, 2 * heads), keras.initializers.RandomNormal(stddev=0.02), name="gate_kernel"
        )
        self.gate_bias = self.add_weight((2 * heads,), self._first_gate_bias, name="gate_bias")

    def _first_gate_bias(self, shape, dtype=None):
        longest, shortest = 6.0, 3.0
        if self.timescale is not None:
            longest, shortest = math.log(self.timescale - 1), 0.0
        # The longest first: where there is one head, it has that.
        forget = ops.linspace(longest, shortest, self.heads, dtype=dtype)
        return ops.concatenate([ops.zeros_like(forget), forget])

    def project(self, inputs):
        gates = ops.matmul(inputs, self.gate_kernel) + self.gate_bias
        return ops.concatenate([ops.matmul(inputs, self.kernel) + self.bias, gates], axis=-1)

    def parts(self, projected) -> tuple[Any, ...]:
        """What ``project`` gave, ``[..., 4 * units + 2 * heads]``, by its names.

        Returns:
            ``q``, ``k``, ``v``, ``o`` ``[..., heads, size]``; ``log i`` and ``log f``
            ``[..., heads]``.
        """
        by_head = (*ops.shape(projected)[:-1], self.heads, self.head_units)
        *vectors, input_gate, forget_gate = split(projected, [self.units] * 4 + [self.heads] * 2)
        query, key, value, output_gate = (ops.reshape(vector, by_head) for vector in vectors)
        forget_gate = ops.log_sigmoid(forget_gate)
        key = key * self.head_units**-0.5
        return query, key, value, ops.sigmoid(output_gate), input_gate, forget_gate

    def unpacked(self, states: State) -> tuple[Any, Any, Any]:
        """The states as ``C`` ``[batch, heads, size, size]`` (keys, values), ``n`` and ``m``."""
        size = self.head_units
        memory = ops.reshape(states[0], (-1, self.heads, size, size))
        return memory, ops.reshape(states[1], (-1, self.heads, size)), states[2]

    def packed(self, memory, normaliser, stabiliser) -> State:
        """The inverse of ``unpacked``."""
        flat = ops.reshape(memory, (-1, self.units * self.head_units))
        return [flat, ops.reshape(normaliser, (-1, self.units)), stabiliser]

    def step(self, projected, states: State) -> tuple[Any, State]:
        query, key, value, output_gate, input_gate, forget_gate = self.parts(projected)
        memory, normaliser, stabiliser = self.unpacked(states)
        remembered = forget_gate + stabiliser
        stabiliser = ops.stop_gradient(ops.maximum(remembered, input_gate))
        kept = ops.exp(remembered - stabiliser)[..., None]
        added = ops.exp(input_gate - stabiliser)[..., None] * key
        memory = kept[..., None] * memory + added[..., :, None] * value[..., None, :]
        normaliser = kept * normaliser + added
        read = ops.squeeze(ops.matmul(query[..., None, :], memory), -2)
        scale = ops.abs(ops.sum(normaliser * query, axis=-1))
        scale = ops.maximum(scale, smallest_scale(stabiliser))[..., None]
        output = ops.reshape(output_gate * read / scale, (-1, self.units))
        return output, self.packed(memory, normaliser, stabiliser)

    def gates(self, inputs, states: State) -> dict[str, Any]:
        """What the gates let through at a step.

        Args:
            inputs: ``[batch, features]``.
            states: before the step.

        Returns:
            ``input gate`` and ``forget gate`` ``[batch, heads]``, divided by the larger of ``i``
            and ``f exp(m)``; ``output gate`` ``[batch, units]``.
        """
        *_, output_gate, input_gate, forget_gate = self.parts(self.project(inputs))
        remembered = forget_gate + states[2]
        largest = ops.maximum(remembered, input_gate)
        return {
            "input gate": ops.exp(input_gate - largest),
            "forget gate": ops.exp(remembered - largest),
            "output gate": ops.reshape(output_gate, (-1, self.units)),
        }


def layer(
    units: int, name: str, *, heads: int = 4, timescale: int | None = None
) -> keras.layers.Layer:
    """A layer from ``[batch, time, features]`` to ``[batch, time, units]``.

    Args:
        units: width.
        name: of the layer.
        heads: memories side by side; divides ``units``.
        timescale: longest dependency expected, in timesteps.
    """
    return MLSTM(MLSTMCell(units, heads, timescale), name=name)
