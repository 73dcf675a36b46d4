"""Gated recurrent unit (Cho et al. 2014, https://arxiv.org/abs/1406.1078).

Keras's own layer with ``reset_after``, so that cuDNN runs it on a GPU.
"""

import keras


def layer(units: int, name: str) -> keras.layers.Layer:
    """A layer from ``[batch, time, features]`` to ``[batch, time, units]``."""
    return keras.layers.GRU(units, return_sequences=True, reset_after=True, name=name)
