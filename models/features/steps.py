"""Every feature's preprocessing, inputs and encoding, be it one value a row or a sequence of them.

A kind's graph knows one value a row.  Where a row holds a sequence of values (``per_step``), all
steps of a batch go through that graph as rows of their own and are then put back into their
sequences; what comes out as a sequence of vectors for one value (a text) is encoded to a vector, as
the feature's ``encoder`` says.
"""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from models.cells import lstm
from models.features.analyzers import Analyzers, Learnt
from models.features.per_step import StepEncoder, is_per_step
from models.features.sequences import UNKNOWN, raw_tensor, with_a_step
from models.layers.convolution import SequenceConvolution
from models.layers.sequence import (
    LastPooling,
    MaxPooling,
    MeanPooling,
    ReverseSequence,
    Sequence,
    ZeroPadding,
)
from models.options import FeatureOptions, graph_module
from models.raw import length_name

Tensors = dict[str, tf.Tensor | tf.RaggedTensor]

STEP_UNITS, STEP_KERNEL = 32, 3
"""Of a step's encoder, where it does not say."""


def preprocess(
    options: FeatureOptions,
    name: str,
    raw: tf.Tensor | tf.RaggedTensor,
    analyzers: Analyzers,
) -> Tensors:
    """Raw values to what the network reads, see the ``preprocess`` of the feature's kind.

    Args:
        options: the feature's options.
        name: the feature's name.
        raw: ``[batch, ...]``; with ``per_step`` ragged ``[batch, (steps), ...]``.
        analyzers: what learns from the train split.

    Returns:
        by name, what the kind gives for ``[batch, ...]``; with ``per_step`` ragged
        ``[batch, (steps), ...]``, each row with at least one step: that of ``missing`` or, if there
        is none, an unknown value.
    """
    graph = graph_module("features", options.kind)
    if not is_per_step(options):
        return graph.preprocess(options, name, raw, analyzers)
    if options.filler is not None:
        raw = with_a_step(raw, raw_tensor(options.raw, [options.filler]).values)
    found = graph.preprocess(options, name, raw.values, analyzers)
    return {
        key: with_a_step(raw.with_values(steps), _unknown_step(steps))
        for key, steps in found.items()
    }


def _unknown_step(steps: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
    """One step that says nothing: the unknown id, or zeros, which scaled values have as mean."""
    if isinstance(steps, tf.RaggedTensor):
        inner = steps.flat_values.shape[1:]
        value = tf.ones([1, *inner], steps.dtype) * (UNKNOWN if steps.dtype == tf.int64 else 0)
        return tf.RaggedTensor.from_row_splits(value, tf.constant([0, 1], tf.int64))
    return tf.zeros([1, *steps.shape[1:]], steps.dtype)


def keras_inputs(options: FeatureOptions, name: str) -> dict[str, keras.KerasTensor]:
    """The network's inputs, see the ``keras_inputs`` of the feature's kind.

    With ``per_step`` the values have a further axis, ``[batch, steps, ...]``, and their lengths,
    int32, are ``NAME_length`` ``[batch]`` and, where a step is a sequence itself, ``NAME_length_2``
    ``[batch, steps]``.
    """
    graph = graph_module("features", options.kind)
    one = graph.keras_inputs(options, name)
    if not is_per_step(options):
        return one
    inner, lengths = length_name(name, 2), length_name(name, 1)
    values = one[name]
    inputs = {
        name: keras.Input((None, *values.shape[1:]), dtype=values.dtype, name=name),
        lengths: keras.Input((), dtype="int32", name=lengths),
    }
    if lengths in one:
        inputs[inner] = keras.Input((None,), dtype="int32", name=inner)
    return inputs


def encode(
    options: FeatureOptions,
    name: str,
    inputs: Mapping[str, keras.KerasTensor],
    learnt: Learnt,
    embedding_size: int,
) -> Any:
    """A feature's encoding, see the ``encode`` of its kind.

    Returns:
        what the kind gives; with ``per_step`` a ``Sequence`` ``[batch, steps, units]``, a step's
        vector being what the ``encoder`` makes of its own steps where it has such.
    """
    graph = graph_module("features", options.kind)
    if not is_per_step(options):
        return graph.encode(options, name, inputs, learnt, embedding_size)
    values, inner = inputs[name], length_name(name, 2)
    flat = {name: FlatSteps(name=f"{name}.steps")(values)}
    if inner in inputs:
        flat[length_name(name, 1)] = FlatLengths(name=f"{name}.step_lengths")(inputs[inner])
    encoder = getattr(options, "encoder", StepEncoder())
    size = encoder.embedding_size or embedding_size
    encoded = graph.encode(options, name, flat, learnt, size)
    if isinstance(encoded, Sequence):
        encoded = _step_vector(encoder, name, encoded)
    steps = StepsOf(name=f"{name}.step_vectors")(encoded, values)
    return Sequence(steps, inputs[length_name(name, 1)])


def _step_vector(encoder: StepEncoder, name: str, sequence: Sequence) -> keras.KerasTensor:
    """Sequences ``[rows, time, units]`` as vectors ``[rows, units]``."""
    values, lengths = sequence
    if encoder.kind == "mean":
        return MeanPooling(name=f"{name}.step_mean")(values, lengths)
    units = encoder.units or STEP_UNITS
    if encoder.kind == "convolution":
        convolution = SequenceConvolution(
            units, encoder.kernel_size or STEP_KERNEL, name=f"{name}.step_convolution"
        )
        return MaxPooling(name=f"{name}.step_max")(convolution(values, lengths), lengths)
    values = ZeroPadding(name=f"{name}.step_zeroed")(values, lengths)
    read = {
        "forward": values,
        "backward": ReverseSequence(name=f"{name}.step_reverse")(values, lengths),
    }
    last = [
        LastPooling(name=f"{name}.step_last.{direction}")(
            lstm.layer(units, f"{name}.step_{direction}")(given), lengths
        )
        for direction, given in read.items()
    ]
    return keras.layers.Concatenate(name=f"{name}.step_both")(last)


def _rows_of(shape: tuple[int | None, ...]) -> int | None:
    """Steps of all rows of a shape ``[batch, steps, ...]``, where it says them."""
    batch, steps = shape[:2]
    return None if batch is None or steps is None else batch * steps


@keras.saving.register_keras_serializable(package="rondo")
class FlatSteps(keras.layers.Layer):
    """The steps of all rows as rows of their own.

    Call arguments: values ``[batch, steps, ...]``.
    Returns: ``[batch * steps, ...]``.
    """

    def call(self, values):
        shape = ops.shape(values)
        return ops.reshape(values, (shape[0] * shape[1], *shape[2:]))

    def compute_output_shape(self, values_shape):
        return (_rows_of(values_shape), *values_shape[2:])


@keras.saving.register_keras_serializable(package="rondo")
class FlatLengths(keras.layers.Layer):
    """The lengths of the steps of all rows; 1 for a step of padding, which has no step of its own.

    Call arguments: lengths ``[batch, steps]``.
    Returns: ``[batch * steps]``, each >= 1.
    """

    def call(self, lengths):
        return ops.maximum(ops.reshape(lengths, (-1,)), 1)

    def compute_output_shape(self, lengths_shape):
        return (_rows_of(lengths_shape),)


@keras.saving.register_keras_serializable(package="rondo")
class StepsOf(keras.layers.Layer):
    """Puts vectors of steps back into their rows.

    Call arguments: vectors ``[batch * steps, units]``, values ``[batch, steps, ...]``, whose rows
    they are of.
    Returns: ``[batch, steps, units]``.
    """

    def call(self, vectors, values):
        shape = ops.shape(values)
        return ops.reshape(vectors, (shape[0], shape[1], vectors.shape[-1]))

    def compute_output_shape(self, vectors_shape, values_shape):
        return (*values_shape[:2], vectors_shape[-1])
