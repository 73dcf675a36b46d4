"""The graph of a scores feature: the numbers as they are, padded with 0 to one width."""

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers
from models.features.scores import Options
from models.features.sequences import encode_values, sequence_inputs, with_a_step


def preprocess(
    options: Options, name: str, raw: tf.RaggedTensor, analyzers: Analyzers
) -> dict[str, tf.RaggedTensor]:
    """Raw numbers to rows of one width.

    Args:
        options: the feature's options.
        name: the feature's name.
        raw: float32 ``[batch, (steps), (numbers)]``.
        analyzers: not used: nothing is learnt.

    Returns:
        ``{name: float32 [batch, (steps), count]}``, each row with at least one step.
    """
    if options.missing is not None:
        missing = tf.ragged.constant(options.missing, tf.float32, row_splits_dtype=tf.int64)
        raw = with_a_step(raw, missing)
    steps = raw.with_values(raw.values.to_tensor(shape=[None, options.count]))
    return {name: with_a_step(steps, tf.zeros([1, options.count]))}


def keras_inputs(options: Options, name: str) -> dict[str, keras.KerasTensor]:
    """The network's inputs: numbers ``[batch, steps, count]`` and lengths ``[batch]``."""
    return sequence_inputs(name, "float32", (options.count,))


encode = encode_values
