"""The schema, derived from the experiment: types, shapes and presence of every raw feature."""

import math
import os

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types.standard_artifacts import Schema

from components.spec import GROUP_FEATURE, ID_FEATURE, SchemaConfig
from models.raw import Raw

TYPES = {"string": schema_pb2.BYTES, "float": schema_pb2.FLOAT}


def schema_of(config: SchemaConfig) -> schema_pb2.Schema:
    """Features, label, id and group: in every row, a scalar (shape ``[]``) or a ragged sequence."""
    scalar = Raw(dtype="string")
    raw = config.raw | {ID_FEATURE: scalar} | ({GROUP_FEATURE: scalar} if config.grouped else {})
    schema = schema_pb2.Schema()
    for name, form in raw.items():
        feature = schema.feature.add(name=name, type=TYPES[form.dtype])
        feature.presence.min_fraction = 1.0
        feature.presence.min_count = 1
        if form.is_sequence:
            feature.value_count.min = math.prod(form.inner)
        else:
            feature.shape.SetInParent()
        # TFX infers tensors for all features or for none, so that the scalars' are stated too.
        _represent(schema.tensor_representation_group[""], name, form)
    return schema


def _represent(group: schema_pb2.TensorRepresentationGroup, name: str, form: Raw) -> None:
    """States how a feature becomes a tensor: ``[batch]`` or ragged ``[batch, (time), *inner]``."""
    representation = group.tensor_representation[name]
    if form.is_sequence:
        ragged = representation.ragged_tensor
        ragged.feature_path.step.append(name)
        for size in form.inner:
            ragged.partition.add(uniform_row_length=size)
        ragged.row_partition_dtype = schema_pb2.TensorRepresentation.INT64
    else:
        representation.dense_tensor.column_name = name
        representation.dense_tensor.shape.SetInParent()


@component
def ExperimentSchema(schema: OutputArtifact[Schema], config: Parameter[str]):
    """Writes the experiment's schema; ``config`` is a ``SchemaConfig`` as JSON."""
    content = text_format.MessageToString(schema_of(SchemaConfig.model_validate_json(config)))
    fileio.makedirs(schema.uri)
    with fileio.open(os.path.join(schema.uri, "schema.pbtxt"), "w") as file:
        file.write(content)
