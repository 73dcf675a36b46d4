"""What sequence features share: raw tensors, rows without a step, inputs, ids to vectors.

Ids of tokens: 0 pads, 1 is every token outside the vocabulary, 2 and up are the vocabulary by
falling frequency.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from models.features.analyzers import Learnt
from models.features.vectors import vectors_of
from models.layers import sequence as layers
from models.options import FeatureOptions
from models.raw import Raw, RawValue, length_name

UNKNOWN = 1
FIRST_TOKEN = 2


def raw_tensor(form: Raw, values: Sequence[RawValue]) -> tf.Tensor | tf.RaggedTensor:
    """Raw values of some rows as ``preprocess`` reads them: ``[batch, ...]`` or ragged."""
    dtype = tf.float32 if form.dtype == "float" else tf.string
    if not form.is_sequence:
        return tf.reshape(tf.constant(values, dtype), [len(values), *form.inner])
    return tf.ragged.constant(
        values,
        dtype,
        ragged_rank=form.ragged_rank,
        inner_shape=form.inner,
        row_splits_dtype=tf.int64,
    )


def with_a_step(sequences: tf.RaggedTensor, filler: tf.Tensor) -> tf.RaggedTensor:
    """Gives rows without any step the steps of ``filler``, so that no sequence is empty.

    Args:
        sequences: ``[batch, (time), ...]`` with one ragged axis.
        filler: ``[steps, ...]``, at least one.
    """
    empty = tf.cast(sequences.row_lengths() == 0, tf.int64)
    copies = [tf.cast(tf.reduce_sum(empty), tf.int32), *[1] * (filler.shape.rank - 1)]
    added = tf.RaggedTensor.from_row_lengths(tf.tile(filler, copies), empty * filler.shape[0])
    return tf.concat([sequences, added], axis=1)


def lengths_of(name: str, tensor: tf.RaggedTensor) -> dict[str, tf.Tensor]:
    """How long the rows of a ragged tensor are along each axis that varies, right-padded.

    Returns:
        ``name_length`` int32 ``[batch]`` and, for further axes, ``name_length_2`` int32
        ``[batch, time]`` and so on.
    """
    lengths = {}
    for axis in range(1, tensor.ragged_rank + 1):
        found = tensor.row_lengths(axis=axis)
        dense = found.to_tensor() if isinstance(found, tf.RaggedTensor) else found
        lengths[length_name(name, axis)] = tf.cast(dense, tf.int32)
    return lengths


def sequence_inputs(
    name: str, dtype: str, inner: tuple[int, ...] = ()
) -> dict[str, keras.KerasTensor]:
    """The network's inputs: values ``[batch, time, *inner]``, their lengths int32 ``[batch]``."""
    return {
        name: keras.Input((None, *inner), dtype=dtype, name=name),
        f"{name}_length": keras.Input((), dtype="int32", name=f"{name}_length"),
    }


def encode_ids(
    options: FeatureOptions,
    name: str,
    inputs: dict[str, keras.KerasTensor],
    learnt: Learnt,
    embedding_size: int,
) -> layers.Sequence:
    """Ids of tokens to vectors.

    Args:
        options: the feature's options.
        name: the feature's name, under which its vocabulary is kept.
        inputs: ids ``[batch, time]`` under the name, lengths int32 ``[batch]`` beside it.
        learnt: the vocabulary and, where the feature asks for pretrained vectors, these.
        embedding_size: width of the vectors, where they are not pretrained.

    Returns:
        ``[batch, time, embedding_size]`` (pretrained ones: as wide as the file has them) with
        their lengths ``[batch]``.
    """
    rows = learnt.vocabulary_size(name) + FIRST_TOKEN
    vectors = vectors_of(options)
    if vectors is None:
        embedding = keras.layers.Embedding(rows, embedding_size, name=f"{name}.embedding")
    else:
        matrix = learnt.vectors(name)
        embedding = keras.layers.Embedding(
            rows,
            matrix.shape[1],
            weights=[matrix],
            trainable=vectors.trained,
            name=f"{name}.embedding",
        )
    return layers.Sequence(embedding(inputs[name]), inputs[f"{name}_length"])
