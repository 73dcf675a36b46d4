"""The node that writes the schema which the experiment alone states; Transform reads it."""

import os

from google.protobuf import text_format
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types.standard_artifacts import Schema

from components.spec import SchemaConfig
from components.validate.schema import schema_of


@component
def ExperimentSchema(schema: OutputArtifact[Schema], config: Parameter[str]):
    """Writes the experiment's schema; ``config`` is a ``SchemaConfig`` as JSON."""
    content = text_format.MessageToString(schema_of(SchemaConfig.model_validate_json(config)))
    fileio.makedirs(schema.uri)
    with fileio.open(os.path.join(schema.uri, "schema.pbtxt"), "w") as file:
        file.write(content)
