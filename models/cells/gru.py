"""Gated recurrent unit (Cho et al. 2014, https://arxiv.org/abs/1406.1078).

Keras's own layer with ``reset_after``, so that cuDNN runs it on a GPU.
"""

import keras

from models.initialisers import ChronoGRU


def layer(
    units: int, name: str, *, recurrent_dropout: float = 0.0, timescale: int | None = None
) -> keras.layers.Layer:
    """A layer from ``[batch, time, features]`` to ``[batch, time, units]``.

    Args:
        units: width.
        name: of the layer.
        recurrent_dropout: share of the hidden state's units dropped for a training sequence; a
            layer that has it does not use cuDNN.
        timescale: longest dependency expected, in timesteps: chrono initialisation.
    """
    chrono = {} if timescale is None else {"bias_initializer": ChronoGRU(timescale)}
    return keras.layers.GRU(
        units,
        return_sequences=True,
        reset_after=True,
        recurrent_dropout=recurrent_dropout,
        name=name,
        **chrono,
    )
