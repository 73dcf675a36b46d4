"""The graph of a categorical feature.

The values outside the vocabulary have the ids from 0, one or as many as ``unknown_buckets`` says;
above are the vocabulary's by falling frequency.
"""

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers, Learnt
from models.features.categorical import Options
from models.features.cleaning import cleaned
from models.features.sequences import UNKNOWN, looked_up, some_unknown


def preprocess(
    options: Options, name: str, raw: tf.Tensor, analyzers: Analyzers
) -> dict[str, tf.Tensor]:
    """Raw string ``[batch]`` to ``{name: int64 [batch]}``."""
    if options.missing is not None:
        raw = tf.where(raw == "", options.missing, raw)
    values = cleaned(options, raw)
    return {name: looked_up(options, name, values, analyzers) - UNKNOWN}


def keras_inputs(options: Options, name: str) -> dict[str, keras.KerasTensor]:
    """The network's input: int32 ``[batch]``."""
    return {name: keras.Input((), dtype="int32", name=name)}


def encode(
    options: Options,
    name: str,
    inputs: dict[str, keras.KerasTensor],
    learnt: Learnt,
    embedding_size: int,
) -> keras.KerasTensor:
    """An id as a vector ``[batch, embedding_size]``."""
    rows = learnt.vocabulary_size(name) + options.unknown_buckets
    embedding = keras.layers.Embedding(rows, embedding_size, name=f"{name}.embedding")
    return embedding(some_unknown(options, name, inputs[name], unknown=0))
