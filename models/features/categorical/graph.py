"""The graph of a categorical feature; id 0 is every value outside the vocabulary."""

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers, Learnt
from models.features.categorical import Options


def preprocess(
    options: Options, name: str, raw: tf.Tensor, analyzers: Analyzers
) -> dict[str, tf.Tensor]:
    """Raw string ``[batch]`` to ``{name: int64 [batch]}``."""
    if options.missing is not None:
        raw = tf.where(raw == "", options.missing, raw)
    return {name: analyzers.vocabulary(raw, name, top_k=options.vocabulary) + 1}


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
    embedding = keras.layers.Embedding(
        learnt.vocabulary_size(name) + 1, embedding_size, name=f"{name}.embedding"
    )
    return embedding(inputs[name])
