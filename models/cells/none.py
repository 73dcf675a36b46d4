"""No recurrence: a dense layer on each step by itself (one to one), and a baseline."""

import keras


def layer(units: int, name: str) -> keras.layers.Layer:
    """A layer from ``[batch, time, features]`` to ``[batch, time, units]``."""
    return keras.layers.Dense(units, activation="relu", name=name)
