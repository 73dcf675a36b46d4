"""Long short-term memory (Hochreiter & Schmidhuber 1997) with a forget gate (Gers et al. 2000).

Paper: https://doi.org/10.1162/neco.1997.9.8.1735.  Keras's own layer, so that cuDNN runs it.
"""

import keras


def layer(units: int, name: str) -> keras.layers.Layer:
    """A layer from ``[batch, time, features]`` to ``[batch, time, units]``."""
    return keras.layers.LSTM(units, return_sequences=True, name=name)
