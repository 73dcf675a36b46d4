"""Sequences as ``(values, lengths)``, and the layers over them that know the lengths.

Everything here takes right-padded ``values [batch, time, units]`` with ``lengths [batch]`` (int32,
each >= 1), and no result depends on what stands in the padding or on how much of it there is.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops


class Sequence(NamedTuple):
    """Right-padded values ``[batch, time, units]`` and their lengths ``[batch]``."""

    values: keras.KerasTensor
    lengths: keras.KerasTensor


def check_lengths(values, lengths) -> None:
    """Looks whether lengths go with their values.  For arrays, not for a network's symbols.

    Args:
        values: ``[batch, time, ...]``.
        lengths: ``[batch]``, whole numbers.

    Raises:
        ValueError: there is a length for another number of rows, or one that is not a whole number
            from 1 to the steps of the values.
    """
    shape, found = tuple(values.shape), np.asarray(ops.convert_to_numpy(lengths))
    if len(shape) < 2 or found.shape != shape[:1]:
        raise ValueError(
            f"lengths of shape {list(found.shape)} came with values of shape {list(shape)}; values "
            "[batch, time, ...] need lengths [batch]"
        )
    if not np.issubdtype(found.dtype, np.integer):
        raise ValueError(f"lengths are {found.dtype}; whole numbers (int32) are needed")
    wrong = np.flatnonzero((found < 1) | (found > shape[1]))
    if len(wrong):
        row = int(wrong[0])
        advice = (
            "an empty sequence has no last step: give it one step of padding and length 1, or "
            "leave the row out"
            if found[row] < 1
            else "pad the values on the right, or cut the length"
        )
        raise ValueError(
            f"lengths[{row}] is {found[row]}, and a length is from 1 to the {shape[1]} steps of "
            f"the values ({advice})"
        )


def step_mask(values, lengths):
    """Boolean ``[batch, time, 1]``: True on the steps within the length."""
    steps = ops.arange(ops.shape(values)[1], dtype="int32")
    return ops.expand_dims(steps[None, :] < ops.cast(lengths, "int32")[:, None], -1)


def zero_padding(values, lengths):
    """The values ``[batch, time, units]`` with zeros in the padding, whatever stood there."""
    # Not a product with the mask: 0 times NaN is NaN.
    return ops.where(step_mask(values, lengths), values, ops.zeros_like(values))


def reversed_steps(values, lengths):
    """The values ``[batch, time, units]``, each sequence reversed within its length."""
    steps = ops.arange(ops.shape(values)[1], dtype="int32")[None, :]
    lengths = ops.cast(lengths, "int32")[:, None]
    source = ops.where(steps < lengths, lengths - 1 - steps, steps)
    return ops.take_along_axis(values, source[:, :, None], axis=1)


@keras.saving.register_keras_serializable(package="rondo")
class ZeroPadding(keras.layers.Layer):
    """Puts zeros in the padding, for what reads whole stretches of a sequence at once.

    Call arguments: values ``[batch, time, units]``, lengths ``[batch]``.
    Returns: ``[batch, time, units]``.
    """

    def call(self, values, lengths):
        return zero_padding(values, lengths)

    def compute_output_shape(self, values_shape, lengths_shape):
        return values_shape


@keras.saving.register_keras_serializable(package="rondo")
class ReverseSequence(keras.layers.Layer):
    """Reverses each sequence within its length; the padding stays on the right.

    Call arguments: values ``[batch, time, units]``, lengths ``[batch]``.
    Returns: ``[batch, time, units]``.
    """

    def call(self, values, lengths):
        return reversed_steps(values, lengths)

    def compute_output_shape(self, values_shape, lengths_shape):
        return values_shape


@keras.saving.register_keras_serializable(package="rondo")
class LastPooling(keras.layers.Layer):
    """The last step within the length.

    Call arguments: values ``[batch, time, units]``, lengths ``[batch]``.
    Returns: ``[batch, units]``.
    """

    def call(self, values, lengths):
        last = ops.cast(lengths, "int32")[:, None, None] - 1
        return ops.squeeze(ops.take_along_axis(values, last, axis=1), axis=1)

    def compute_output_shape(self, values_shape, lengths_shape):
        return (values_shape[0], values_shape[2])


@keras.saving.register_keras_serializable(package="rondo")
class MeanPooling(keras.layers.Layer):
    """The mean over the steps within the length.

    Call arguments: values ``[batch, time, units]``, lengths ``[batch]``.
    Returns: ``[batch, units]``.
    """

    def call(self, values, lengths):
        # In 16 bits a length above 256 would be rounded, and a long sum more so.
        wide = keras.backend.result_type(values.dtype, "float32")
        kept = ops.cast(zero_padding(values, lengths), wide)
        mean = ops.sum(kept, axis=1) / ops.cast(lengths, wide)[:, None]
        return ops.cast(mean, values.dtype)

    def compute_output_shape(self, values_shape, lengths_shape):
        return (values_shape[0], values_shape[2])


@keras.saving.register_keras_serializable(package="rondo")
class MaxPooling(keras.layers.Layer):
    """The maximum over the steps within the length.

    Call arguments: values ``[batch, time, units]``, lengths ``[batch]``.
    Returns: ``[batch, units]``.
    """

    def call(self, values, lengths):
        lowest = ops.full_like(values, -float("inf"))
        return ops.max(ops.where(step_mask(values, lengths), values, lowest), axis=1)

    def compute_output_shape(self, values_shape, lengths_shape):
        return (values_shape[0], values_shape[2])


@keras.saving.register_keras_serializable(package="rondo")
class BesideSteps(keras.layers.Layer):
    """Puts one vector beside every step.

    Call arguments: values ``[batch, time, units]``, vector ``[batch, others]``.
    Returns: ``[batch, time, units + others]``.
    """

    def call(self, values, vector):
        at_each_step = ops.zeros_like(values[:, :, :1]) + vector[:, None, :]
        return ops.concatenate([values, at_each_step], axis=-1)

    def compute_output_shape(self, values_shape, vector_shape):
        return (*values_shape[:2], values_shape[2] + vector_shape[1])
