"""Reads the raw examples that ingest wrote, for what stands beside the pipeline."""

import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from components.spec import ID_FEATURE
from models.raw import Raw, RawValue, partition_names


def raw_examples(examples_uri: str, split: str) -> Iterator[tf.train.Example]:
    """The examples of a split, in the order of their ids.

    Args:
        examples_uri: folder of ingest's ``examples``.
        split: ``train``, ``validate`` or ``test``.
    """
    files = sorted(tf.io.gfile.glob(os.path.join(examples_uri, f"Split-{split}", "*")))
    examples = [
        tf.train.Example.FromString(record)
        for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()
    ]
    return iter(sorted(examples, key=lambda example: text_of(example, ID_FEATURE)))


def text_of(example: tf.train.Example, feature: str) -> str:
    """A string feature's value."""
    return example.features.feature[feature].bytes_list.value[0].decode("utf-8", "replace")


def value_of(example: tf.train.Example, name: str, form: Raw) -> RawValue | np.ndarray:
    """A raw value as ingest read it.

    Args:
        example: the row.
        name: of the feature, or of the label's column.
        form: the value's.

    Returns:
        str, bytes or float; lists of them as deep as the form has axes; float32
        ``[time, *form.inner]`` of numbers of which at most the first axis varies.
    """
    if form.dtype == "float" and form.shape and form.ragged_rank < 2:
        numbers = np.asarray(example.features.feature[name].float_list.value, np.float32)
        return numbers.reshape(-1, *form.inner) if form.is_sequence else numbers.reshape(form.inner)
    return list_of(example, name, form)


def list_of(example: tf.train.Example, name: str, form: Raw) -> RawValue:
    """A raw value as ingest read it: str, bytes or float, or lists of them."""
    features = example.features.feature
    if form.dtype == "float":
        scalars = features[name].float_list.value
    else:
        scalars = features[name].bytes_list.value
    if form.dtype == "string":
        scalars = [value.decode("utf-8", "replace") for value in scalars]
    partitions = partition_names(name, form)
    return form.nested(scalars, [features[key].int64_list.value for key in partitions])
