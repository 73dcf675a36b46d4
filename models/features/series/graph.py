"""The graph of a series feature.

A series without any step becomes one step of zeros: with ``scale: standard`` the mean of each
channel, with ``missing: mask`` a step at which nothing is known.  A number that is NaN stays NaN
unless it is masked, and so is the answer.
"""

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers
from models.features.scaling import scaled
from models.features.sequences import cut, encode_values, sequence_inputs, with_a_step
from models.features.series import Options


def preprocess(
    options: Options, name: str, raw: tf.RaggedTensor, analyzers: Analyzers
) -> dict[str, tf.RaggedTensor]:
    """Raw series to scaled ones.

    Args:
        options: the feature's options.
        name: the feature's name.
        raw: float32 ``[batch, (time), depth]``.
        analyzers: what learns the scale of each channel.

    Returns:
        ``{name: float32 [batch, (time), options.width]}``, each row with at least one step.
    """
    if options.missing is not None and not options.masked:
        raw = with_a_step(raw, tf.constant(options.missing, tf.float32))
    if options.max_length is not None:
        analyzers.keep_lengths(raw.row_lengths(), name)
        raw = cut(raw, options.max_length, options.keep)
    values = tf.reshape(raw.flat_values, [-1, options.depth])
    values = scaled(values, name, options.scale, options.log1p, options.masked, analyzers)
    return {name: with_a_step(raw.with_flat_values(values), tf.zeros([1, options.width]))}


def keras_inputs(options: Options, name: str) -> dict[str, keras.KerasTensor]:
    """The network's inputs: values ``[batch, time, options.width]`` and lengths ``[batch]``."""
    return sequence_inputs(name, "float32", (options.width,))


encode = encode_values
