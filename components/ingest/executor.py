"""The Beam executor under TFX's FileBasedExampleGen: rows of any reader to tf.Examples."""

import json
import os
from typing import Any

import apache_beam as beam
from apache_beam.io import fileio
from google.protobuf import struct_pb2
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.components.example_gen.write_split import WriteSplit, to_file_format_str
from tfx.components.util import examples_utils
from tfx.dsl.io import fileio as tfx_fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from components.errors import DataError
from components.ingest import leaks
from components.ingest.files import sources
from components.ingest.options import DataOptions
from components.ingest.parts import has_parts, reader
from components.ingest.read import PROBLEMS, SKIPPED, CutByTime, ReadPart
from components.ingest.splits import SPLITS, SplitByTime
from components.ingest.summary import (
    IDS,
    QUARANTINE,
    SUMMARY,
    TALLIED,
    Tally,
    write_summary,
)
from components.spec import IngestConfig

CONFIG_FIELD = "ingest"


class IngestExecutor(BaseExampleGenExecutor):
    """Reads, checks and splits the experiment's rows."""

    def GetInputSourceToExamplePTransform(self) -> beam.PTransform:
        """The reading transform; TFX's base class asks every executor for one."""
        return _Parts

    def GenerateExamplesByBeam(
        self, pipeline: beam.Pipeline, exec_properties: dict[str, Any]
    ) -> dict[str, beam.pvalue.PCollection]:
        """Serialised tf.Examples by split; also writes the summary."""
        config = config_of(exec_properties)
        read = (
            pipeline
            | _Parts(config.data)
            | "Read"
            >> beam.ParDo(ReadPart(config.to_json())).with_outputs(PROBLEMS, SKIPPED, main="rows")
        )
        rows, skipped = read.rows, read[SKIPPED]
        if isinstance(config.data.split, SplitByTime):
            cut = rows | CutByTime(config.data.split)
            rows = cut.rows
            skipped = (skipped, cut[SKIPPED]) | "AllSkipped" >> beam.Flatten()
        tallied = rows | beam.ParDo(Tally(config.data)).with_outputs(*SPLITS, *TALLIED)
        write_summary(tallied, read[PROBLEMS], skipped, config.data, exec_properties["_folder"])
        return {split: tallied[split] for split in SPLITS}

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        """Runs the ingest.

        Raises:
            DataError: rows or files cannot be used, and the experiment does not say that they are
                left out; or splits leak into each other, and it does not allow that.
        """
        # TFX's own Do derives the splits from its configuration, which cannot express that given
        # files and held-out rows are mixed.
        artifact = artifact_utils.get_single_instance(output_dict["examples"])
        artifact.split_names = artifact_utils.encode_split_names(list(SPLITS))
        with self._make_beam_pipeline() as pipeline:
            examples = self.GenerateExamplesByBeam(
                pipeline, exec_properties | {"_folder": artifact.uri}
            )
            for split, serialised in examples.items():
                uri = artifact_utils.get_split_uri([artifact], split)
                serialised | f"Write[{split}]" >> WriteSplit(
                    uri, exec_properties["output_file_format"], exec_properties
                )
        examples_utils.set_payload_format(artifact, exec_properties["output_data_format"])
        examples_utils.set_file_format(
            artifact, to_file_format_str(exec_properties["output_file_format"])
        )
        with tfx_fileio.open(os.path.join(artifact.uri, SUMMARY)) as file:
            summary = json.load(file)
        _judge(summary, config_of(exec_properties).data, artifact.uri)


def _judge(summary: dict[str, Any], data: DataOptions, folder: str) -> None:
    if summary["problem_count"] and data.on_bad_row == "fail":
        raise DataError(_report(summary))
    if summary["problem_count"] and not sum(summary["rows"].values()):
        where = f" (all of them in {folder}/{QUARANTINE})" if summary["quarantine"] else ""
        raise DataError(f"no row can be used{where}:\n{_report(summary)}")
    doubled = summary["leaks"].get(IDS)
    if doubled and (doubled["count"] or any(doubled["doubled"].values())):
        shown = "; ".join(" and ".join(pair) for pair in doubled["examples"])
        raise DataError(
            f"data.id: column {data.id!r} names several rows the same"
            + (f", for example {shown}" if shown else "")
            + " (an id names one row; for what rows share, use data.group)"
        )
    found = leaks.problems(summary["leaks"])
    if found and not data.allow_leaks:
        advice = (
            "what is trained on would judge (change data.split, remove the rows, or write "
            "data.allow_leaks: true)"
        )
        raise DataError("\n".join(["splits leak into each other:", *found, advice]))


def custom_config(config: IngestConfig) -> example_gen_pb2.CustomConfig:
    """Ingest's configuration as FileBasedExampleGen carries it to the executor."""
    fields = struct_pb2.Struct()
    fields[CONFIG_FIELD] = config.to_json()
    packed = example_gen_pb2.CustomConfig()
    packed.custom_config.Pack(fields)
    return packed


def config_of(exec_properties: dict[str, Any]) -> IngestConfig:
    """Ingest's configuration, from the parameters that FileBasedExampleGen carries."""
    packed = example_gen_pb2.CustomConfig()
    proto_utils.json_to_proto(exec_properties["custom_config"], packed)
    fields = struct_pb2.Struct()
    packed.custom_config.Unpack(fields)
    return IngestConfig.model_validate_json(fields[CONFIG_FIELD])


def _report(summary: dict[str, Any]) -> str:
    shown = [f"{part}:{line}: {problem}" for part, line, problem in summary["problems"]]
    rest = summary["problem_count"] - len(shown)
    return "\n".join(shown + ([f"... and {rest} more rows that cannot be read"] if rest else []))


class _Parts(beam.PTransform):
    """The parts of the data, ``(role, part)``, spread over the workers."""

    def __init__(self, data: DataOptions):
        super().__init__()
        self._data = data

    def expand(self, pipeline):
        if has_parts(self._data):
            parts = pipeline | beam.Create(reader(self._data.format).parts(self._data))
        else:
            base, given = sources(self._data)
            matched = [
                pipeline
                | f"Match[{role}]" >> fileio.MatchFiles(os.path.join(base, pattern))
                | f"Role[{role}]" >> beam.Map(lambda file, role=role: (role, file.path))
                for role, pattern in given
            ]
            parts = matched | beam.Flatten()
        return parts | beam.Reshuffle()
