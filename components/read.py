"""Reads the raw examples that ingest wrote, for what stands beside the pipeline."""

import os
from collections.abc import Iterator

import tensorflow as tf

from components.spec import ID_FEATURE


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
