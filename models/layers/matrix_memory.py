"""The parallel form of mLSTM: matrix memories over whole chunks of a sequence at once.

Within a chunk each step reads all earlier ones by one product of queries and keys, weighed by how
much of them is left (Beck et al. 2024, https://arxiv.org/abs/2405.04517, appendix A.3); from chunk
to chunk the memory ``C``, the normaliser ``n`` and the stabiliser ``m`` are carried on.
"""

import itertools
from typing import Any

import keras
from keras import ops

from models.layers.heads import NOTHING
from models.layers.recurrence import State, check_steps

CHUNK = 64
"""Steps of a chunk at most: within one, time and memory grow with its square."""
LARGEST_LOGARITHM = 40.0
"""Where every input gate was below ``exp(-40)``, nothing was stored, and nothing is read."""


def smallest_scale(stabiliser):
    """The 1 of ``max(|n' q|, 1)``, divided by ``exp(m)`` as ``n`` is."""
    return ops.exp(ops.minimum(-stabiliser, LARGEST_LOGARITHM))


def split(values, widths: list[int]) -> list[Any]:
    """Parts of the last axis."""
    return ops.split(values, list(itertools.accumulate(widths[:-1])), axis=-1)


class _Chunks(keras.layers.Layer):
    """A cell from chunk to chunk: takes what a chunk stores, gives the states before it."""

    def __init__(self, cell: Any) -> None:
        super().__init__(dtype=cell.dtype_policy)
        self.cell = cell
        self.state_size = cell.state_size
        self.output_size = sum(cell.state_size)
        self.built = True

    def call(self, inputs, states):
        stored, keys, faded, scale = split(inputs, _widths(self.cell))
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
        cell: of ``models.cells.mlstm``.
        **kwargs: of ``keras.layers.RNN``: all outputs are returned unless ``return_sequences`` is
            false; what runs step by step (a mask among it) is refused.

    Raises:
        ValueError: see ``kwargs``; when called, a sequence without a step.
    """

    def __init__(self, cell: Any, **kwargs: Any) -> None:
        for option in ("go_backwards", "stateful", "unroll", "zero_output_for_mask"):
            if kwargs.get(option):
                raise ValueError(f"{option} came; MLSTM takes return_sequences and return_state")
        super().__init__(cell, **{"return_sequences": True, **kwargs})
        self.loop = keras.layers.RNN(_Chunks(cell), return_sequences=True, dtype=self.dtype_policy)

    def call(self, sequences, initial_state=None, mask=None, training=False):
        check_steps(sequences)
        return super().call(sequences, initial_state, mask, training)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """The last output ``[batch, units]``, all ``[batch, time, units]``, and the last states."""
        if mask is not None:
            raise ValueError(
                "a mask came; MLSTM takes right-padded sequences without one (lengths tell what "
                "follows where they end)"
            )
        cell, steps = self.cell, ops.shape(sequences)[1]
        chunks = -(-steps // CHUNK)
        size = -(-steps // chunks)
        projected = cell.project(sequences)
        rows, width = ops.shape(projected)[0], projected.shape[-1]
        filler = ops.broadcast_to(self._no_step(projected), (rows, chunks * size - steps, width))
        projected = ops.concatenate([projected, filler], axis=1)
        projected = ops.reshape(projected, (rows, chunks, size, width))
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
        memory, normaliser, earlier = split(before, cell.state_size)
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


def _widths(cell: Any) -> list[int]:
    """Widths of what a chunk tells: stored values, keys, how much fades, the scale of both."""
    return [*cell.state_size, cell.heads]
