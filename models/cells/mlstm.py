"""Matrix LSTM (xLSTM, Beck et al. 2024, https://arxiv.org/abs/2405.04517).

Each head keeps a matrix ``C``, in which it stores values under keys, and a normaliser ``n``; ``i``
and ``f`` are one number a head and step (equations 19 to 27 of the paper)::

    C_t = f C_{t-1} + i v k'     n_t = f n_{t-1} + i k     h_t = o * C_t q / max(|n_t' q|, 1)

No gate reads the state, so a step can be computed from all earlier ones at once.  ``MLSTM`` does so
within chunks of the sequence (the paper's parallel form, appendix A.3) and carries ``C`` and ``n``
from chunk to chunk; ``MLSTMCell`` goes step by step.  Both give the same answers.

As in sLSTM, the states are kept divided by ``exp(m)``.
"""

import itertools
from typing import Any

import keras
from keras import ops

from models.layers.heads import units_of_head
from models.layers.recurrence import RecurrentCell, State

NOTHING = -1e30
"""A logarithm of zero that is still a number."""
CHUNK = 64
"""Steps of a chunk at most: within one, time and memory grow with its square."""
LARGEST_LOGARITHM = 40.0
"""Where every input gate was below ``exp(-40)``, nothing was stored, and nothing is read."""


def smallest_scale(stabiliser):
    """The 1 of ``max(|n' q|, 1)``, divided by ``exp(m)`` as ``n`` is."""
    return ops.exp(ops.minimum(-stabiliser, LARGEST_LOGARITHM))


@keras.saving.register_keras_serializable(package="rondo")
class MLSTMCell(RecurrentCell):
    """Matrix memory, one step at a time.

    The states are ``C`` ``[batch, heads * size * size]``, ``n`` ``[batch, units]`` and ``m``
    ``[batch, heads]``, where ``size = units / heads``.  The forget gate's biases start evenly
    spread from 3 to 6 over the heads, or between 1 and ``timescale - 1`` steps on a log scale.

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
        super().__init__(units, **kwargs)
        self.heads = heads
        self.head_units = units_of_head(units, heads)
        if timescale is not None and timescale < 3:
            raise ValueError(f"timescale is {timescale}; it is at least 3 timesteps")
        self.timescale = timescale
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
        low, high = 3.0, 6.0
        if self.timescale is not None:
            low, high = 0.0, float(ops.log(self.timescale - 1.0))
        forget = ops.linspace(low, high, self.heads, dtype=dtype)
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
        *vectors, input_gate, forget_gate = _split(projected, [self.units] * 4 + [self.heads] * 2)
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

    def get_initial_state(self, batch_size: Any = None) -> State:
        """Empty memories."""
        *zeros, stabiliser = super().get_initial_state(batch_size)
        return [*zeros, stabiliser + NOTHING]

    def get_config(self) -> dict[str, Any]:
        own = {"heads": self.heads, "timescale": self.timescale}
        return {**super().get_config(), **own}


class _Chunks(keras.layers.Layer):
    """A cell from chunk to chunk: takes what a chunk stores, gives the states before it."""

    def __init__(self, cell: MLSTMCell) -> None:
        super().__init__(dtype=cell.dtype_policy)
        self.cell = cell
        self.state_size = cell.state_size
        self.output_size = sum(cell.state_size)
        self.built = True

    def call(self, inputs, states):
        stored, keys, faded, scale = _split(inputs, _widths(self.cell))
        memory, normaliser, stabiliser = states
        remembered = faded + stabiliser
        stabiliser = ops.stop_gradient(ops.maximum(remembered, scale))
        kept, added = ops.exp(remembered - stabiliser), ops.exp(scale - stabiliser)
        memory = self._scaled(kept, memory) + self._scaled(added, stored)
        normaliser = self._scaled(kept, normaliser) + self._scaled(added, keys)
        return ops.concatenate(states, axis=-1), [memory, normaliser, stabiliser]

    def _scaled(self, factors, values):
        """Values ``[batch, heads * width]`` times factors ``[batch, heads]``."""
        heads, width = self.cell.heads, values.shape[-1]
        values = ops.reshape(values, (-1, heads, width // heads))
        return ops.reshape(factors[..., None] * values, (-1, width))


@keras.saving.register_keras_serializable(package="rondo")
class MLSTM(keras.layers.RNN):
    """An ``MLSTMCell`` over a sequence, whole chunks of steps at once.

    Call arguments: sequences ``[batch, time, features]`` and, if wanted, ``initial_state``.
    Returns: ``[batch, time, units]``, and the last states with ``return_state``.

    Args:
        cell: the cell.
        **kwargs: of ``keras.layers.RNN``; all outputs are returned unless it says otherwise.
    """

    def __init__(self, cell: MLSTMCell, **kwargs: Any) -> None:
        super().__init__(cell, **{"return_sequences": True, **kwargs})
        self.loop = keras.layers.RNN(_Chunks(cell), return_sequences=True, dtype=self.dtype_policy)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        cell = self.cell
        steps = ops.shape(sequences)[1]
        chunks = -(-steps // CHUNK)
        size = -(-steps // chunks)
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        projected = cell.project(sequences)
        nothing = self._no_step(projected)
        if mask is not None:
            projected = ops.where(mask[..., None], projected, nothing)
        rows = ops.shape(projected)[0]
        filler = ops.broadcast_to(nothing, (rows, chunks * size - steps, projected.shape[-1]))
        projected = ops.concatenate([projected, filler], axis=1)
        projected = ops.reshape(projected, (rows, chunks, size, projected.shape[-1]))
        outputs, states = self._chunkwise(projected, initial_state)
        outputs = ops.reshape(outputs, (rows, chunks * size, cell.units))[:, :steps]
        return outputs[:, -1], outputs, states

    def _no_step(self, projected):
        """What ``project`` would give for a step that changes no state, ``[1, 1, ...]``."""
        vectors = ops.zeros((1, 1, 4 * self.cell.units), projected.dtype)
        gate = ops.full((1, 1, self.cell.heads), NOTHING, projected.dtype)
        return ops.concatenate([vectors, gate, -gate], axis=-1)

    def _chunkwise(self, projected, initial_state: State):
        """Outputs and last states.

        Args:
            projected: ``[batch, chunks, size, ...]``.
            initial_state: of the cell.

        Returns:
            ``[batch, chunks, size, units]`` and the states.
        """
        cell = self.cell
        rows, chunks, size = ops.shape(projected)[:3]
        # One axis for row, chunk and head: products and sums broadcast fastest over few axes.
        parts = [_by_head(part) for part in cell.parts(projected)]
        query, key, value, output_gate, input_gate, forget_gate = parts
        faded = ops.cumsum(forget_gate, axis=-1)
        # Step s weighs exp(faded_t + age_s) at step t, and exp(faded_end + age_s) at the end.
        age = input_gate - faded
        at_end = faded[:, -1:]
        scale = ops.stop_gradient(at_end + ops.max(age, axis=-1, keepdims=True))
        weighted = ops.exp(at_end + age - scale)[..., None] * key
        flat = [ops.matmul(ops.swapaxes(weighted, 1, 2), value), ops.sum(weighted, axis=1)]
        flat = [
            ops.reshape(part, (rows, chunks, width))
            for part, width in zip([*flat, at_end, scale], _widths(cell), strict=True)
        ]
        _, before, states = self.loop.inner_loop(
            ops.concatenate(flat, axis=-1), list(initial_state), None
        )
        memory, normaliser, earlier = _split(before, cell.state_size)
        memory = ops.reshape(memory, (-1, cell.head_units, cell.head_units))
        normaliser = ops.reshape(normaliser, (-1, cell.head_units, 1))
        earlier = ops.reshape(earlier, (-1, 1))
        steps = ops.arange(size)
        later = ops.cast(steps[:, None] < steps[None, :], age.dtype) * NOTHING
        age = age[:, None, :] + later
        peak = ops.stop_gradient(ops.maximum(ops.max(age, axis=-1), earlier))
        weights = ops.matmul(query, ops.swapaxes(key, 1, 2)) * ops.exp(age - peak[..., None])
        query = ops.exp(earlier - peak)[..., None] * query
        read = ops.matmul(weights, value) + ops.matmul(query, memory)
        total = ops.sum(weights, axis=-1, keepdims=True) + ops.matmul(query, normaliser)
        total = ops.maximum(ops.abs(total), smallest_scale(faded + peak)[..., None])
        outputs = ops.reshape(
            output_gate * read / total, (rows, chunks, cell.heads, size, cell.head_units)
        )
        outputs = ops.swapaxes(outputs, 2, 3)
        return ops.reshape(outputs, (rows, chunks, size, cell.units)), states


def _by_head(part):
    """``[batch, chunks, size, heads, ...]`` to ``[batch * chunks * heads, size, ...]``."""
    part = ops.swapaxes(part, 2, 3)
    return ops.reshape(part, (-1, *ops.shape(part)[3:]))


def _widths(cell: MLSTMCell) -> list[int]:
    """Widths of what a chunk tells: stored values, keys, how much fades, the scale of both."""
    return [*cell.state_size, cell.heads]


def _split(values, widths: list[int]) -> list[Any]:
    """Parts of the last axis."""
    return ops.split(values, list(itertools.accumulate(widths[:-1])), axis=-1)


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
