"""Long short-term memory (Hochreiter & Schmidhuber 1997) with a forget gate (Gers et al. 2000).

Papers: https://doi.org/10.1162/neco.1997.9.8.1735, https://doi.org/10.1162/089976600300015015.
Keras's own layer, so that cuDNN runs it on a GPU; the recurrent weights start orthogonal and the
forget gate's bias at 1, or as ``timescale`` says.
"""

import keras

from models.initialisers import ChronoLSTM


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
    chrono = {} if timescale is None else {"bias_initializer": ChronoLSTM(timescale)}
    return keras.layers.LSTM(
        units,
        return_sequences=True,
        recurrent_dropout=recurrent_dropout,
        unit_forget_bias=timescale is None,
        name=name,
        **chrono,
    )
