"""The graph of a tokens feature.

A row without any token becomes the single unknown id; for the ids see
``models.features.sequences``.
"""

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers
from models.features.cleaning import cleaned, spelt_out
from models.features.sequences import (
    UNKNOWN,
    cut,
    encode_ids,
    looked_up,
    sequence_inputs,
    with_a_step,
)
from models.features.tokens import Options


def preprocess(
    options: Options, name: str, raw: tf.RaggedTensor, analyzers: Analyzers
) -> dict[str, tf.RaggedTensor]:
    """Raw tokens to ids.

    Args:
        options: the feature's options.
        name: the feature's name.
        raw: string ``[batch, (time)]``, UTF-8.
        analyzers: what learns the vocabulary from the train split.

    Returns:
        ``{name: int64 [batch, (time)]}``, each row with at least one id.
    """
    if options.missing is not None:
        raw = with_a_step(raw, tf.constant(options.missing))
    if options.max_length is not None:
        analyzers.keep_lengths(raw.row_lengths(), name)
        raw = cut(raw, options.max_length, options.keep)
    tokens = raw.with_values(spelt_out(options, cleaned(options, raw.values)))
    ids = looked_up(options, name, tokens, analyzers)
    return {name: with_a_step(ids, tf.constant([UNKNOWN], tf.int64))}


def keras_inputs(options: Options, name: str) -> dict[str, keras.KerasTensor]:
    """The network's inputs: ids ``[batch, time]`` and lengths ``[batch]``, both int32."""
    return sequence_inputs(name, "int32")


encode = encode_ids
