"""The graph of a series feature.

A series without any step becomes one step at the mean of each channel (at 0, where ``normalise``
is off).  A number that is NaN stays NaN, and so is the answer.
"""

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers, Learnt
from models.features.sequences import sequence_inputs, with_a_step
from models.features.series import Options
from models.layers.sequence import Sequence


def preprocess(
    options: Options, name: str, raw: tf.RaggedTensor, analyzers: Analyzers
) -> dict[str, tf.RaggedTensor]:
    """Raw series to scaled ones.

    Args:
        options: the feature's options.
        name: the feature's name.
        raw: float32 ``[batch, (time), depth]``.
        analyzers: what learns mean and deviation of each channel.

    Returns:
        ``{name: float32 [batch, (time), depth]}``, each row with at least one step.
    """
    if options.missing is not None:
        raw = with_a_step(raw, tf.constant(options.missing, tf.float32))
    if options.max_length is not None:
        raw = raw[:, -options.max_length :]
    values = tf.reshape(raw.flat_values, [-1, options.depth])
    if options.normalise:
        values = analyzers.standardise(values, name)
    return {name: with_a_step(raw.with_flat_values(values), tf.zeros([1, options.depth]))}


def keras_inputs(options: Options, name: str) -> dict[str, keras.KerasTensor]:
    """The network's inputs: values ``[batch, time, depth]`` and lengths ``[batch]``."""
    return sequence_inputs(name, "float32", (options.depth,))


def encode(
    options: Options,
    name: str,
    inputs: dict[str, keras.KerasTensor],
    learnt: Learnt,
    embedding_size: int,
) -> Sequence:
    """The values as they are, ``[batch, time, depth]``, with their lengths ``[batch]``."""
    return Sequence(inputs[name], inputs[f"{name}_length"])
