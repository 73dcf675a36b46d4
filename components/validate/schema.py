"""The schema, derived from the experiment: types, shapes and presence of every raw feature."""

import math

from tensorflow_metadata.proto.v0 import schema_pb2

from components.spec import GROUP_FEATURE, ID_FEATURE, SchemaConfig
from models.raw import Raw, partition_names

TYPES = {"string": schema_pb2.BYTES, "bytes": schema_pb2.BYTES, "float": schema_pb2.FLOAT}


def schema_of(config: SchemaConfig) -> schema_pb2.Schema:
    """Features, label, id and group: in every row, of one shape or a ragged sequence.

    The lengths of inner sequences are features of their own, see ``models.raw.partition_names``.
    """
    scalar = Raw(dtype="string")
    raw = config.raw | {ID_FEATURE: scalar} | ({GROUP_FEATURE: scalar} if config.grouped else {})
    schema = schema_pb2.Schema()
    for name, form in raw.items():
        feature = schema.feature.add(name=name, type=TYPES[form.dtype])
        feature.presence.min_fraction = 1.0
        feature.presence.min_count = 1
        if form.is_sequence:
            # A sequence of sequences holds nothing where all of these are empty.
            feature.value_count.min = math.prod(form.inner) if form.ragged_rank == 1 else 0
        else:
            _set_shape(feature.shape, form)
        for partition in partition_names(name, form):
            lengths = schema.feature.add(name=partition, type=schema_pb2.INT)
            lengths.presence.min_fraction = 1.0
            lengths.presence.min_count = 1
        # TFX infers tensors for all features or for none, so that the scalars' are stated too.
        _represent(schema.tensor_representation_group[""], name, form)
    return schema


def _represent(group: schema_pb2.TensorRepresentationGroup, name: str, form: Raw) -> None:
    """States how a feature becomes a tensor: ``[batch, *shape]``, ragged where that varies."""
    representation = group.tensor_representation[name]
    if form.is_sequence:
        ragged = representation.ragged_tensor
        ragged.feature_path.step.append(name)
        for partition in partition_names(name, form):
            ragged.partition.add(row_length=partition)
        for size in form.inner:
            ragged.partition.add(uniform_row_length=size)
        ragged.row_partition_dtype = schema_pb2.TensorRepresentation.INT64
    else:
        representation.dense_tensor.column_name = name
        _set_shape(representation.dense_tensor.shape, form)


def _set_shape(shape: schema_pb2.FixedShape, form: Raw) -> None:
    shape.SetInParent()
    for size in form.inner:
        shape.dim.add(size=size)
