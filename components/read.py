"""Reads the raw examples that ingest wrote, for what stands beside the pipeline."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from components.spec import ID_FEATURE
from models.raw import Raw


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


def value_of(example: tf.train.Example, name: str, form: Raw) -> Any:
    """A raw value as ingest read it.

    Args:
        example: the row.
        name: of the feature, or of the label's column.
        form: the value's.

    Returns:
        str or float; a list of str; or float32 ``[time, *form.inner]``.
    """
    feature = example.features.feature[name]
    if form.dtype == "string":
        values = [value.decode("utf-8", "replace") for value in feature.bytes_list.value]
        return values if form.is_sequence else values[0]
    numbers = np.asarray(feature.float_list.value, np.float32)
    return numbers.reshape(-1, *form.inner) if form.is_sequence else float(numbers[0])
