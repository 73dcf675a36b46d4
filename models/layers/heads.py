"""Heads: groups of units that work side by side, each with weights of its own."""

import keras
from keras import ops


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
