"""What sequence features share: raw tensors, rows without a step, cutting, inputs, ids to vectors.

Ids of tokens: 0 pads, 1 is every token outside the vocabulary (or as many ids as the feature has
``unknown_buckets``), and above are the vocabulary's by falling frequency.
"""

from collections.abc import Sequence
from typing import Literal

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers, Learnt, Tokens
from models.features.strings import first_token
from models.features.vectors import vectors_of
from models.layers import sequence as layers
from models.layers.unknown import UnknownDropout
from models.options import FeatureOptions
from models.raw import Raw, RawValue, length_name

UNKNOWN = 1


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


def with_a_step(sequences: tf.RaggedTensor, filler: tf.Tensor | tf.RaggedTensor) -> tf.RaggedTensor:
    """Gives rows without any step the steps of ``filler``, so that no sequence is empty.

    Args:
        sequences: ``[batch, (time), ...]``.
        filler: ``[steps, ...]``, at least one, ragged where the steps are.
    """
    empty = tf.cast(sequences.row_lengths() == 0, tf.int64)
    steps = filler.nrows() if isinstance(filler, tf.RaggedTensor) else filler.shape[0]
    chosen = tf.tile(tf.range(steps), tf.cast(tf.reduce_sum(empty)[None], tf.int32))
    added = tf.RaggedTensor.from_row_lengths(tf.gather(filler, chosen), empty * steps)
    return tf.concat([sequences, added], axis=1)


def cut(
    sequences: tf.RaggedTensor, max_length: int, keep: Literal["start", "end", "both"]
) -> tf.RaggedTensor:
    """Cuts longer rows.

    Args:
        sequences: ``[batch, (time), ...]`` with one ragged axis.
        max_length: steps kept of a row.
        keep: the steps at the ``start``, at the ``end`` or, half of them each, at ``both`` (of an
            odd number one more at the start).
    """
    head = {"start": max_length, "end": 0, "both": (max_length + 1) // 2}[keep]
    lengths = sequences.row_lengths()
    place = tf.ragged.range(lengths).values
    from_end = tf.gather(lengths, sequences.value_rowids()) - place
    kept = (place < head) | (from_end <= max_length - head)
    return tf.RaggedTensor.from_row_lengths(
        tf.boolean_mask(sequences.values, kept), tf.minimum(lengths, max_length)
    )


def looked_up(options: FeatureOptions, name: str, strings: Tokens, analyzers: Analyzers) -> Tokens:
    """Strings as ids, int64 in their shape; the vocabulary is learnt from them.

    Args:
        options: of the feature: ``vocabulary`` and ``unknown_buckets``.
        name: the feature's name, under which the vocabulary is kept.
        strings: dense or ragged.
        analyzers: what learns.
    """
    ranks = analyzers.vocabulary(strings, name, top_k=options.vocabulary)
    if not isinstance(strings, tf.RaggedTensor):
        return known_or_bucket(options, ranks, strings)
    return ranks.with_flat_values(known_or_bucket(options, ranks.flat_values, strings.flat_values))


def known_or_bucket(options: FeatureOptions, ranks: tf.Tensor, strings: tf.Tensor) -> tf.Tensor:
    """Ids from 1: those of unknown strings, by a hash, and then the vocabulary's by rank.

    Args:
        options: of the feature.
        ranks: int64, -1 outside the vocabulary.
        strings: in the same shape.
    """
    first = first_token(options)
    buckets = first - UNKNOWN
    unknown = tf.fill(tf.shape(ranks), tf.constant(UNKNOWN, tf.int64))
    if buckets > 1:
        unknown += tf.strings.to_hash_bucket_fast(strings, buckets)
    return tf.where(ranks < 0, unknown, ranks + first)


def lengths_of(name: str, tensor: tf.RaggedTensor) -> dict[str, Tokens]:
    """How long the rows of a ragged tensor are along each axis that varies.

    Returns:
        ``name_length`` int32 ``[batch]`` and, for further axes, ``name_length_2`` int32 ragged
        ``[batch, (time)]`` and so on.
    """
    return {
        length_name(name, axis): tf.cast(tensor.row_lengths(axis=axis), tf.int32)
        for axis in range(1, tensor.ragged_rank + 1)
    }


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
    rows = learnt.vocabulary_size(name) + first_token(options)
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
    ids = some_unknown(options, name, inputs[name], UNKNOWN)
    return layers.Sequence(embedding(ids), inputs[f"{name}_length"])


def some_unknown(
    options: FeatureOptions, name: str, ids: keras.KerasTensor, unknown: int
) -> keras.KerasTensor:
    """Ids of which some are unknown ones while training, where the feature asks for it.

    Args:
        options: of the feature.
        name: the feature's name.
        ids: int32, of any shape.
        unknown: the first of the unknown ids.
    """
    rate = getattr(options, "unknown_rate", 0.0)
    if not rate:
        return ids
    known = unknown + first_token(options) - UNKNOWN
    return UnknownDropout(rate, unknown, known, name=f"{name}.unknown")(ids)


def encode_values(
    options: FeatureOptions,
    name: str,
    inputs: dict[str, keras.KerasTensor],
    learnt: Learnt,
    embedding_size: int,
) -> layers.Sequence:
    """Numbers as they are, ``[batch, time, width]``, with their lengths ``[batch]``.

    Args:
        options: the feature's options.
        name: the feature's name.
        inputs: the numbers under the name, lengths int32 ``[batch]`` beside it.
        learnt: not used.
        embedding_size: not used.
    """
    return layers.Sequence(inputs[name], inputs[f"{name}_length"])
