"""Heads: groups of units that work side by side, each with weights of its own."""

from typing import Any

import keras
from keras import ops

from models.layers.recurrence import RecurrentCell, State

NOTHING = -1e30
"""A logarithm of zero that is still a number."""


def units_of_head(units: int, heads: int) -> int:
    """The width of a head.

    Raises:
        ValueError: ``heads`` does not divide ``units``.
    """
    if heads < 1 or units % heads:
        divisors = [count for count in range(1, units + 1) if units % count == 0]
        raise ValueError(
            f"heads is {heads}, which does not divide units {units} (set heads to one of "
            f"{', '.join(map(str, divisors))}, or change units)"
        )
    return units // heads


@keras.saving.register_keras_serializable(package="rondo")
class HeadwiseOrthogonal(keras.initializers.Initializer):
    """Orthogonal matrices side by side: ``[heads, rows, columns]``, each head its own."""

    def __call__(self, shape, dtype=None):
        orthogonal = keras.initializers.Orthogonal(seed=keras.random.SeedGenerator())
        return ops.stack([orthogonal(shape[1:], dtype) for _ in range(shape[0])])


class ExponentialCell(RecurrentCell):
    """A cell in heads with exponential gates, whose last state is the stabiliser of the others.

    Args:
        units: width.
        heads: groups of units side by side; divides ``units``.
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

    def get_initial_state(self, batch_size: Any = None) -> State:
        """Zeros, and a stabiliser that lets the first step decide; for the shapes see the cell."""
        *zeros, stabiliser = super().get_initial_state(batch_size)
        return [*zeros, stabiliser + NOTHING]

    def get_config(self) -> dict[str, Any]:
        own = {"heads": self.heads, "timescale": self.timescale}
        return {**super().get_config(), **own}
