"""The schema, derived from the experiment: types, shapes and presence of every raw feature."""

import os

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types.standard_artifacts import Schema

from components.spec import GROUP_FEATURE, ID_FEATURE, SchemaConfig

TYPES = {"string": schema_pb2.BYTES, "float": schema_pb2.FLOAT}


def schema_of(config: SchemaConfig) -> schema_pb2.Schema:
    """Columns, label, id and group: one value (shape ``[]``) in every row."""
    types = {name: column.raw_type for name, column in config.columns.items()}
    types |= {config.label: "string", ID_FEATURE: "string"}
    if config.grouped:
        types[GROUP_FEATURE] = "string"
    schema = schema_pb2.Schema()
    for name, raw_type in types.items():
        feature = schema.feature.add(name=name, type=TYPES[raw_type])
        feature.presence.min_fraction = 1.0
        feature.presence.min_count = 1
        feature.shape.SetInParent()
    return schema


@component
def ExperimentSchema(schema: OutputArtifact[Schema], config: Parameter[str]):
    """Writes the experiment's schema; ``config`` is a ``SchemaConfig`` as JSON."""
    content = text_format.MessageToString(schema_of(SchemaConfig.model_validate_json(config)))
    fileio.makedirs(schema.uri)
    with fileio.open(os.path.join(schema.uri, "schema.pbtxt"), "w") as file:
        file.write(content)
