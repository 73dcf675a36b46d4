"""A row's values as a tf.Example."""

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from components.ingest.rows import Example
from components.spec import GROUP_FEATURE, ID_FEATURE, IngestConfig
from models.raw import RawValue


def serialise(example: Example, location: str, config: IngestConfig) -> bytes:
    """A serialised tf.Example of a row.

    Args:
        example: the row's values, label and group.
        location: ``file:line`` of the row, its id.
        config: ingest's share of the experiment.
    """
    features = {
        name: _feature(options.raw.dtype, example.values[name])
        for name, options in config.features.items()
    }
    if config.task is not None:
        features[config.task.label] = _feature(config.task.raw.dtype, example.label)
    features[ID_FEATURE] = _feature("string", location)
    if example.group is not None:
        features[GROUP_FEATURE] = _feature("string", example.group)
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _feature(dtype: str, value: RawValue) -> tf.train.Feature:
    scalars = list(_scalars(value))
    if dtype == "string":
        content = [text.encode("utf-8") for text in scalars]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=content))
    return tf.train.Feature(float_list=tf.train.FloatList(value=scalars))


def _scalars(value: RawValue) -> Iterator[Any]:
    if isinstance(value, list):
        for part in value:
            yield from _scalars(part)
    else:
        yield value
