"""The graph of a tokens feature.

Ids: 0 is padding only, 1 is every token outside the vocabulary, 2 and up are the vocabulary by
falling frequency.  A row without any token becomes the single id 1.
"""

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers
from models.features.sequences import (
    FIRST_TOKEN,
    UNKNOWN,
    encode_ids,
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
        raw = raw[:, : options.max_length]
    if options.lower:
        raw = raw.with_flat_values(tf.strings.lower(raw.flat_values, encoding="utf-8"))
    ids = analyzers.vocabulary(raw, name, top_k=options.vocabulary) + FIRST_TOKEN
    return {name: with_a_step(ids, tf.constant([UNKNOWN], tf.int64))}


def keras_inputs(options: Options, name: str) -> dict[str, keras.KerasTensor]:
    """The network's inputs: ids ``[batch, time]`` and lengths ``[batch]``, both int32."""
    return sequence_inputs(name, "int32")


encode = encode_ids
