"""Runs Transform's own analysis over a few rows, without a pipeline around it."""

import glob
import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tfx_bsl.public import tfxio

from components.ingest.options import DataOptions
from components.ingest.rows import Example
from components.ingest.serialise import Serialiser
from components.spec import TRANSFORM_KEY, IngestConfig, SchemaConfig, TransformConfig
from components.transform import preprocessing_fn
from components.validate.schema import schema_of
from models.options import FeatureOptions
from models.tasks.classify import Options as Classify

TASK = Classify(kind="classify", label="answer")
RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


class Analysed(NamedTuple):
    """What came of some rows.

    Attributes:
        folder: where what Transform learnt is.
        examples: the rows as ingest writes them.
        output: what Transform learnt.
        transformed: the rows as the Trainer reads them, one batch, in any order.
    """

    folder: str
    examples: list[bytes]
    output: tft.TFTransformOutput
    transformed: dict[str, Any]


def analysed(features: Mapping[str, FeatureOptions], rows: Sequence[Mapping[str, Any]]) -> Analysed:
    """Reads, analyses and transforms rows as ingest and Transform do."""
    config = IngestConfig(
        data=DataOptions(path="rows", format="jsonl"), features=dict(features), task=TASK, code=""
    )
    serialise, examples = Serialiser(config), []
    for index, row in enumerate(rows):
        values = {name: options.read(row, name) for name, options in features.items()}
        label = f"answer {index % 2}"
        example = Example("train", {TASK.label: label}, values, {}, None, None, None, b"")
        examples.append(serialise(example, f"row:{index}"))
    raw = {name: options.raw for name, options in features.items()} | {TASK.label: TASK.raw}
    schema = schema_of(SchemaConfig(raw=raw, grouped=False, code=""))
    source = tfxio.TFExampleBeamRecord(physical_format="inmem", schema=schema)
    transform = TransformConfig(features=dict(features), task=TASK, code="").to_json()
    folder = tempfile.mkdtemp()
    with (
        beam.Pipeline(RUNNER) as pipeline,
        tft_beam.Context(temp_dir=tempfile.mkdtemp()),
    ):
        batches = pipeline | beam.Create(examples) | source.BeamSource(batch_size=2)
        (transformed, metadata), graph = (
            batches,
            source.TensorAdapterConfig(),
        ) | tft_beam.AnalyzeAndTransformDataset(
            lambda inputs: preprocessing_fn(inputs, {TRANSFORM_KEY: transform}),
            output_record_batches=True,
        )
        coder = tfxio.RecordBatchToExamplesEncoder(metadata.schema)
        _ = (
            transformed
            | beam.FlatMap(lambda element: coder.encode(element[0]))
            | beam.io.WriteToTFRecord(os.path.join(folder, "rows"))
        )
        _ = graph | tft_beam.WriteTransformFn(folder)
    output = tft.TFTransformOutput(folder)
    files = glob.glob(os.path.join(folder, "rows-*"))
    written = list(tf.data.TFRecordDataset(files).as_numpy_iterator())
    parsed = tf.io.parse_example(tf.constant(written), output.transformed_feature_spec())
    return Analysed(folder, examples, output, parsed)
