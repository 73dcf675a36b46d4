"""Elman's simple recurrent network (Elman 1990, https://doi.org/10.1207/s15516709cog1402_1).

``h_t = tanh(W x_t + U h_{t-1} + b)``, with an orthogonal ``U`` to start from.  Keras's own layer.
"""

import keras


def layer(units: int, name: str, *, recurrent_dropout: float = 0.0) -> keras.layers.Layer:
    """A layer from ``[batch, time, features]`` to ``[batch, time, units]``.

    Args:
        units: width.
        name: of the layer.
        recurrent_dropout: share of the hidden state's units dropped for a training sequence.
    """
    return keras.layers.SimpleRNN(
        units, return_sequences=True, recurrent_dropout=recurrent_dropout, name=name
    )
