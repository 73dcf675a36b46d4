"""The base of our recurrent cells, and the layer that runs one over a sequence.

Of what a cell computes at a step, the part that reads only the input can be computed for all steps
at once, by one large product.  A cell therefore says its step in two halves: ``project`` (inputs
alone, any number of steps) and ``step`` (one step, given what was projected).  ``Recurrence`` uses
the halves; ``call`` joins them, so that each cell also works in ``keras.layers.RNN``.
"""

from typing import Any

import keras
from keras import ops

State = list[Any]
"""Tensors ``[batch, size]``, one for each of a cell's ``state_size``; the hidden state is first."""


class RecurrentCell(keras.layers.Layer):
    """Keras's cell protocol (``state_size``, ``output_size``, ``get_initial_state``, ``call``).

    Args:
        units: width of the output, at least 1.
        **kwargs: of ``keras.layers.Layer``.

    Raises:
        ValueError: ``units`` is below 1.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units is {units}; a cell has at least 1 unit")
        self.units = units
        self.state_size: int | list[int] = units
        self.output_size = units

    def project(self, inputs):
        """What a step takes from its input alone.

        Args:
            inputs: ``[batch, features]``, or ``[batch, time, features]`` for many steps at once.

        Returns:
            as ``inputs``, the last axis being what ``step`` expects.
        """
        raise NotImplementedError

    def step(self, projected, states: State) -> tuple[Any, State]:
        """One step.

        Args:
            projected: ``[batch, ...]``, of ``project``.
            states: see ``State``.

        Returns:
            the output ``[batch, units]`` and the new states.
        """
        raise NotImplementedError

    def call(self, inputs, states, training: bool = False):
        states = list(states) if isinstance(states, list | tuple) else [states]
        return self.step(self.project(inputs), states)

    def get_initial_state(self, batch_size: Any = None) -> State:
        """The states before the first step: zeros."""
        sizes = [self.state_size] if isinstance(self.state_size, int) else self.state_size
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    def compute_output_shape(self, inputs_shape, states_shape):
        return (inputs_shape[0], self.output_size), states_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def check_steps(sequences: Any) -> None:
    """Raises ValueError where ``sequences`` ``[batch, time, features]`` have no step."""
    if sequences.shape[1] == 0:
        raise ValueError(
            f"sequences of shape {list(sequences.shape)} came; at least one step is needed (an "
            "empty sequence is one step of padding, of length 1)"
        )


class _Step(keras.layers.Layer):
    """A cell's ``step`` as a cell: what Keras's loop over time calls.

    Its states are the cell's and, where the hidden state is dropped out, the mask behind them.
    """

    def __init__(self, cell: RecurrentCell) -> None:
        super().__init__(dtype=cell.dtype_policy)
        self.cell = cell
        self.state_size = cell.state_size
        self.output_size = cell.output_size
        self.built = True

    def call(self, inputs, states):
        own = [self.cell.state_size] if isinstance(self.cell.state_size, int) else self.state_size
        states, mask = list(states[: len(own)]), list(states[len(own) :])
        if mask:
            states[0] = states[0] * mask[0]
        output, states = self.cell.step(inputs, states)
        return output, [*states, *mask]


@keras.saving.register_keras_serializable(package="rondo")
class Recurrence(keras.layers.RNN):
    """Runs a cell of ours over a sequence, with the products of the inputs taken out of the loop.

    Call arguments: sequences ``[batch, time, features]`` and, if wanted, ``initial_state``.
    Returns: ``[batch, time, units]``, and the last states with ``return_state``.

    Args:
        cell: a ``RecurrentCell``.
        recurrent_dropout: share of the hidden state's units that no step of a training sequence
            sees; the same ones at every step (Gal & Ghahramani 2016,
            https://arxiv.org/abs/1512.05287).
        seed: of the dropout.
        **kwargs: of ``keras.layers.RNN``; all outputs are returned unless it says otherwise.
    """

    def __init__(
        self,
        cell: RecurrentCell,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(cell, **{"return_sequences": True, **kwargs})
        self.recurrent_dropout = recurrent_dropout
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.loop = keras.layers.RNN(
            _Step(cell),
            return_sequences=self.return_sequences,
            go_backwards=self.go_backwards,
            unroll=self.unroll,
            zero_output_for_mask=self.zero_output_for_mask,
            dtype=self.dtype_policy,
        )

    def call(self, sequences, initial_state=None, mask=None, training=False):
        check_steps(sequences)
        return super().call(sequences, initial_state, mask, training)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """The last output ``[batch, units]``, all ``[batch, time, units]``, and the last states."""
        states = list(initial_state)
        if training and self.recurrent_dropout:
            kept = ops.ones_like(states[0])
            states.append(
                keras.random.dropout(kept, self.recurrent_dropout, seed=self.seed_generator)
            )
        projected = self.cell.project(sequences)
        last, outputs, states = self.loop.inner_loop(projected, states, mask)
        return last, outputs, list(states)[: len(initial_state)]

    def get_config(self) -> dict[str, Any]:
        own = {"recurrent_dropout": self.recurrent_dropout, "seed": self.seed}
        return {**super().get_config(), **own}
