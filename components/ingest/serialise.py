"""A row's values as a tf.Example.

A sequence travels as all its scalars in one feature; where its steps are sequences themselves, how
long they are stands in features beside it, see ``models.raw.partition_names``.
"""

from typing import NamedTuple

import tensorflow as tf

from components.ingest.rows import Example
from components.spec import GROUP_FEATURE, ID_FEATURE, SLICE_PREFIX, IngestConfig
from models.raw import TEXT, Raw, RawValue, partition_names


class _Column(NamedTuple):
    """What writing a feature needs to know of it, found out once."""

    name: str
    form: Raw
    partitions: list[str]


class Serialiser:
    """Rows to serialised tf.Examples.

    Args:
        config: ingest's share of the experiment.
    """

    def __init__(self, config: IngestConfig):
        self._features = [_column(name, each.raw) for name, each in config.features.items()]
        targets = config.task.targets if config.task is not None else {}
        self._targets = [_column(name, form) for name, form in targets.items()]
        self._slices = [(name, _column(SLICE_PREFIX + name, TEXT)) for name in config.slices]
        self._id, self._group = _column(ID_FEATURE, TEXT), _column(GROUP_FEATURE, TEXT)

    def __call__(self, example: Example, location: str) -> bytes:
        """A serialised tf.Example of a row.

        Args:
            example: the row's values, targets and group.
            location: the row's id.
        """
        written = tf.train.Example()
        features = written.features.feature
        for column in self._features:
            _add(features, column, example.values[column.name])
        for column in self._targets:
            _add(features, column, example.targets[column.name])
        for name, column in self._slices:
            _add(features, column, example.slices[name])
        _add(features, self._id, location)
        if example.group is not None:
            _add(features, self._group, example.group)
        return written.SerializeToString()


def _column(name: str, form: Raw) -> _Column:
    return _Column(name, form, partition_names(name, form))


def _add(features, column: _Column, value: RawValue) -> None:
    form = column.form
    scalars, lengths = form.flattened(value) if form.shape else ([value], ())
    feature = features[column.name]
    if form.dtype == "float":
        feature.float_list.value.extend(scalars)
    elif form.dtype == "string":
        feature.bytes_list.value.extend([text.encode("utf-8") for text in scalars])
    else:
        feature.bytes_list.value.extend(scalars)
    for partition, sizes in zip(column.partitions, lengths, strict=True):
        features[partition].int64_list.value.extend(sizes)
