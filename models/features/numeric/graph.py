"""The graph of a numeric feature.  A number that is NaN stays NaN unless ``missing`` is set."""

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers, Learnt
from models.features.numeric import Options
from models.features.scaling import scaled


def preprocess(
    options: Options, name: str, raw: tf.Tensor, analyzers: Analyzers
) -> dict[str, tf.Tensor]:
    """Raw float32 ``[batch]``, NaN where missing, to the scaled number.

    Returns:
        ``{name: float32 [batch]}``; with ``missing: mask`` ``[batch, 2]``, the number and whether
        there was one.
    """
    if options.missing is not None and not options.masked:
        raw = tf.where(tf.math.is_nan(raw), options.missing, raw)
    values = scaled(raw[:, None], name, options.scale, options.log1p, options.masked, analyzers)
    return {name: values if options.masked else values[:, 0]}


def keras_inputs(options: Options, name: str) -> dict[str, keras.KerasTensor]:
    """The network's input: float32 ``[batch]``; with ``missing: mask`` ``[batch, 2]``."""
    return {name: keras.Input((2,) if options.masked else (), dtype="float32", name=name)}


def encode(
    options: Options,
    name: str,
    inputs: dict[str, keras.KerasTensor],
    learnt: Learnt,
    embedding_size: int,
) -> keras.KerasTensor:
    """A number as a vector ``[batch, 1]``; with ``missing: mask`` ``[batch, 2]``."""
    if options.masked:
        return inputs[name]
    return keras.layers.Reshape((1,), name=f"{name}.vector")(inputs[name])
