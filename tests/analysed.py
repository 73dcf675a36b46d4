"""Runs Transform's own analysis over a few rows, without a pipeline around it."""

import glob
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
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
from models.options import FeatureOptions, TaskOptions
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


def analysed(
    features: Mapping[str, FeatureOptions],
    rows: Sequence[Mapping[str, Any]],
    folder: Path,
    task: TaskOptions = TASK,
) -> Analysed:
    """Reads, analyses and transforms rows as ingest and Transform do.

    Args:
        features: options by name.
        rows: fields by name; the label of ``TASK`` is added.
        folder: gets what was learnt; it is made.
        task: what the rows are judged by.
    """
    config = IngestConfig(
        data=DataOptions(path="rows", format="jsonl"), features=dict(features), task=task, code=""
    )
    serialise, examples = Serialiser(config), []
    for index, row in enumerate(rows):
        values = {name: options.read(row, name) for name, options in features.items()}
        targets = task.read({TASK.label: f"answer {index % 2}", **row})
        example = Example("train", targets, values, {}, None, None, None, b"")
        examples.append(serialise(example, f"row:{index}"))
    raw = {name: options.raw for name, options in features.items()} | task.targets
    schema = schema_of(SchemaConfig(raw=raw, grouped=False, code=""))
    source = tfxio.TFExampleBeamRecord(physical_format="inmem", schema=schema)
    transform = TransformConfig(features=dict(features), task=task, code="").to_json()
    learnt = str(folder / "learnt")
    with (
        beam.Pipeline(RUNNER) as pipeline,
        tft_beam.Context(temp_dir=str(folder / "scratch")),
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
            | beam.io.WriteToTFRecord(os.path.join(learnt, "rows"))
        )
        _ = graph | tft_beam.WriteTransformFn(learnt)
    output = tft.TFTransformOutput(learnt)
    files = glob.glob(os.path.join(learnt, "rows-*"))
    written = list(tf.data.TFRecordDataset(files).as_numpy_iterator())
    parsed = tf.io.parse_example(tf.constant(written), output.transformed_feature_spec())
    return Analysed(learnt, examples, output, parsed)
