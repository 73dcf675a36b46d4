"""The graph of a numeric feature."""

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers, Learnt
from models.features.numeric import Options


def preprocess(
    options: Options, name: str, raw: tf.Tensor, analyzers: Analyzers
) -> dict[str, tf.Tensor]:
    """Raw float32 ``[batch]``, NaN where missing, to ``{name: float32 [batch]}``, scaled."""
    if options.missing is not None:
        raw = tf.where(tf.math.is_nan(raw), options.missing, raw)
    return {name: analyzers.standardise(raw, name) if options.scale == "standard" else raw}


def keras_inputs(options: Options, name: str) -> dict[str, keras.KerasTensor]:
    """The network's input: float32 ``[batch]``."""
    return {name: keras.Input((), dtype="float32", name=name)}


def encode(
    options: Options,
    name: str,
    inputs: dict[str, keras.KerasTensor],
    learnt: Learnt,
    embedding_size: int,
) -> keras.KerasTensor:
    """A number as a vector ``[batch, 1]``."""
    return keras.layers.Reshape((1,), name=f"{name}.vector")(inputs[name])
