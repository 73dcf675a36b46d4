"""What sequence features share: raw tensors, rows without a step, the network's inputs."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from models.raw import Raw, RawValue


def raw_tensor(form: Raw, values: Sequence[RawValue]) -> tf.Tensor | tf.RaggedTensor:
    """Raw values of some rows as ``preprocess`` reads them: ``[batch]`` or ragged."""
    dtype = tf.string if form.dtype == "string" else tf.float32
    if not form.is_sequence:
        return tf.constant(values, dtype)
    return tf.ragged.constant(
        values, dtype, ragged_rank=1, inner_shape=form.inner, row_splits_dtype=tf.int64
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


def sequence_inputs(
    name: str, dtype: str, inner: tuple[int, ...] = ()
) -> dict[str, keras.KerasTensor]:
    """The network's inputs: values ``[batch, time, *inner]``, their lengths int32 ``[batch]``."""
    return {
        name: keras.Input((None, *inner), dtype=dtype, name=name),
        f"{name}_length": keras.Input((), dtype="int32", name=f"{name}_length"),
    }
