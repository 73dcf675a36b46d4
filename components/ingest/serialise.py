"""A row's values as a tf.Example.

A sequence travels as all its scalars in one feature; where its steps are sequences themselves, how
long they are stands in features beside it, see ``models.raw.partition_names``.
"""

import tensorflow as tf

from components.ingest.rows import Example
from components.spec import GROUP_FEATURE, ID_FEATURE, IngestConfig
from models.raw import Raw, RawValue, partition_names


def serialise(example: Example, location: str, config: IngestConfig) -> bytes:
    """A serialised tf.Example of a row.

    Args:
        example: the row's values, label and group.
        location: ``file:line`` of the row, its id.
        config: ingest's share of the experiment.
    """
    features: dict[str, tf.train.Feature] = {}
    for name, options in config.features.items():
        _add(features, name, options.raw, example.values[name])
    if config.task is not None:
        _add(features, config.task.label, config.task.raw, example.label)
    text = Raw(dtype="string")
    _add(features, ID_FEATURE, text, location)
    if example.group is not None:
        _add(features, GROUP_FEATURE, text, example.group)
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _add(features: dict[str, tf.train.Feature], name: str, form: Raw, value: RawValue) -> None:
    scalars, lengths = form.flattened(value)
    if form.dtype == "float":
        features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=scalars))
    else:
        content = [text.encode("utf-8") for text in scalars] if form.dtype == "string" else scalars
        features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=content))
    for partition, sizes in zip(partition_names(name, form), lengths, strict=True):
        features[partition] = tf.train.Feature(int64_list=tf.train.Int64List(value=sizes))
