"""Batches of transformed examples: held in memory, of similar length, right-padded.

Sequences of one batch are padded to the longest of them only, and are drawn from one of several
groups of similar length, so that little of a step is spent on padding.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from models.features.sequences import lengths_of

PARSE_ROWS = 1000
SHUFFLE_ROWS = 100_000

Label = tf.Tensor | dict[str, tf.Tensor]
"""What a row is judged by: the only one there is, or several by name."""
Element = tuple[dict[str, tf.Tensor], Label]


def elements(
    parsed: tf.data.Dataset,
    to_inputs: Callable[[dict[str, tf.Tensor]], Element],
) -> tf.data.Dataset:
    """Rows one by one, parsed once and then kept in memory.

    Args:
        parsed: batches of transformed features, ragged where they vary in length.
        to_inputs: from a batch's features to (network inputs without padding, label).
    """
    rows = parsed.map(to_inputs, num_parallel_calls=tf.data.AUTOTUNE).unbatch()
    # A row of a batch with one ragged axis is dense, but only a map makes its type say so.
    return rows.map(lambda inputs, label: (_dense(inputs), label)).cache()


def _dense(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """A row of a ragged batch, its sequences of sequences right-padded with zeros."""
    return {
        name: tensor.to_tensor() if isinstance(tensor, tf.RaggedTensor) else tensor
        for name, tensor in inputs.items()
    }


def inputs_and_label(label: str) -> Callable[[dict[str, tf.Tensor]], Element]:
    """Splits a batch of transformed features to network inputs and the label.

    What is named ``LABEL.NAME`` is judged too; the label is then a dict by these names.  A ragged
    feature ``name`` gets its ``name_length`` int32 ``[batch]`` beside it, and a sequence of
    sequences ``name_length_2`` int32 ragged ``[batch, (time)]``; int64 becomes int32.
    """

    def split(features: dict[str, tf.Tensor]) -> Element:
        inputs, labels = {}, {}
        for name, tensor in features.items():
            if name == label or name.startswith(f"{label}."):
                labels[name] = tensor
                continue
            if isinstance(tensor, tf.RaggedTensor):
                inputs |= lengths_of(name, tensor)
            inputs[name] = tf.cast(tensor, tf.int32) if tensor.dtype == tf.int64 else tensor
        return inputs, labels[label] if set(labels) == {label} else labels

    return split


def row_lengths(rows: tf.data.Dataset) -> np.ndarray:
    """Steps of each row, int64 ``[rows]``: the sum over its sequence features, 0 without any."""
    lengths = rows.map(lambda inputs, label: _length_of(inputs)).batch(PARSE_ROWS)
    return np.concatenate([np.zeros(0, np.int64), *lengths.as_numpy_iterator()])


def _length_of(inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    lengths = [inputs[name] for name in sorted(inputs) if name.endswith("_length")]
    return tf.cast(tf.add_n(lengths), tf.int64) if lengths else tf.constant(0, tf.int64)


def _label_padding(label: tf.TensorSpec) -> tf.Tensor:
    return tf.constant(math.nan if label.dtype.is_floating else -1, label.dtype)


def bucketed(
    rows: tf.data.Dataset,
    lengths: np.ndarray,
    batch_size: int,
    buckets: int,
    shuffle_seed: int | None,
) -> tf.data.Dataset:
    """Padded batches.

    Args:
        rows: single rows, see ``elements``.
        lengths: steps of each row, see ``row_lengths``.
        batch_size: rows a batch.
        buckets: groups of similar length that batches are drawn from.
        shuffle_seed: shuffles rows anew each epoch; None keeps their order within a bucket.

    Returns:
        batches of (inputs padded with zeros, labels padded with -1 or, numbers, with NaN), to the
        longest of each.
    """
    if shuffle_seed is not None:
        rows = rows.shuffle(min(len(lengths), SHUFFLE_ROWS), seed=shuffle_seed)
    inputs, label = rows.element_spec
    padding = (
        {name: tf.zeros([], spec.dtype) for name, spec in inputs.items()},
        tf.nest.map_structure(_label_padding, label),
    )
    boundaries = np.unique(np.quantile(lengths, np.linspace(0, 1, buckets + 1)[1:-1]).astype(int))
    boundaries = [int(boundary) for boundary in boundaries if boundary > 0]
    if not boundaries:
        return rows.padded_batch(batch_size, padding_values=padding).prefetch(tf.data.AUTOTUNE)
    return rows.bucket_by_sequence_length(
        lambda inputs, label: tf.cast(_length_of(inputs), tf.int32),
        bucket_boundaries=boundaries,
        bucket_batch_sizes=[batch_size] * (len(boundaries) + 1),
        padding_values=padding,
    ).prefetch(tf.data.AUTOTUNE)
