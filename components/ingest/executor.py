"""The Beam executor under TFX's FileBasedExampleGen: rows of any reader to tf.Examples.

Beside the examples it writes ``summary.json``: rows and labels by split, which the data gate
reads.  Rows that cannot be read do not fail inside a worker, where the message would drown in a
stack trace, but are collected and reported together, in file order.
"""

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io import fileio
from apache_beam.io.filesystem import CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems
from google.protobuf import struct_pb2
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.components.example_gen.write_split import WriteSplit, to_file_format_str
from tfx.components.util import examples_utils
from tfx.dsl.io import fileio as tfx_fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from components.errors import DataError
from components.ingest.files import reader, sources, unpacked
from components.ingest.rows import BadFile, BadRow, example_of
from components.ingest.serialise import serialise
from components.spec import SPLITS, IngestConfig

SUMMARY = "summary.json"
SHOWN_PROBLEMS = 5
CONFIG_FIELD = "ingest"


class IngestExecutor(BaseExampleGenExecutor):
    """Reads, checks and splits the experiment's rows."""

    def GetInputSourceToExamplePTransform(self) -> beam.PTransform:
        """The reading transform; TFX's base class asks every executor for one."""
        return _ReadExamples

    def GenerateExamplesByBeam(
        self, pipeline: beam.Pipeline, exec_properties: dict[str, Any]
    ) -> dict[str, beam.pvalue.PCollection]:
        """Serialised tf.Examples by split; also writes the summary."""
        config = config_of(exec_properties)
        base, given = sources(config.data)
        read = [
            pipeline | f"Read[{role}]" >> _ReadExamples(os.path.join(base, pattern), role, config)
            for role, pattern in given
        ]
        examples = [part.examples for part in read] | "FlattenExamples" >> beam.Flatten()
        problems = [part.problems for part in read] | "FlattenProblems" >> beam.Flatten()
        _write_summary(examples, problems, exec_properties["_summary_path"])
        parts = examples | "Split" >> beam.Partition(
            lambda element, count: SPLITS.index(element[0]), len(SPLITS)
        )
        return {
            split: part | f"Take[{split}]" >> beam.Map(lambda element: element[3])
            for split, part in zip(SPLITS, parts, strict=True)
        }

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        """Runs the ingest.

        Raises:
            DataError: a row or a file cannot be used; the message lists the first ones.
        """
        # TFX's own Do derives the splits from its configuration, which cannot express that given
        # files and held-out rows are mixed.
        artifact = artifact_utils.get_single_instance(output_dict["examples"])
        artifact.split_names = artifact_utils.encode_split_names(list(SPLITS))
        summary_path = os.path.join(artifact.uri, SUMMARY)
        with self._make_beam_pipeline() as pipeline:
            examples = self.GenerateExamplesByBeam(
                pipeline, exec_properties | {"_summary_path": summary_path}
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
        with tfx_fileio.open(summary_path) as file:
            summary = json.load(file)
        if summary["problem_count"]:
            raise DataError(_report(summary))
        if summary["groups_in_several_splits"]:
            shown = ", ".join(map(repr, summary["groups_in_several_splits"]))
            raise DataError(
                f"data.group: rows of the same group are in several splits, where what is trained "
                f"on would judge ({shown}, ...); change data.split, or leave out data.group"
            )


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
    shown = [f"{path}:{line}: {problem}" for path, line, problem in summary["problems"]]
    rest = summary["problem_count"] - len(shown)
    return "\n".join(shown + ([f"... and {rest} more rows that cannot be read"] if rest else []))


class _ReadExamples(beam.PTransform):
    """Reads the files of a pattern: ``(split, labels, location, serialised tf.Example, group)``."""

    def __init__(self, pattern: str, role: str, config: IngestConfig):
        super().__init__()
        self._pattern = pattern
        self._role = role
        self._config = config

    def expand(self, pipeline):
        return (
            pipeline
            | fileio.MatchFiles(self._pattern)
            | beam.Reshuffle()
            | beam.ParDo(_ReadFile(self._role, self._config.to_json())).with_outputs(
                "problems", main="examples"
            )
        )


class _ReadFile(beam.DoFn):
    """A file to examples, and its bad rows to ``(path, line, problem)``."""

    def __init__(self, role: str, config_json: str):
        self._role = role
        self._config_json = config_json

    def setup(self):
        self._config = IngestConfig.model_validate_json(self._config_json)

    def process(self, file: FileMetadata) -> Iterator[Any]:
        config, path = self._config, file.path
        problem = lambda line, text: beam.pvalue.TaggedOutput("problems", (path, line, text))  # noqa: E731
        line = 0
        try:
            # Beam's own decompressing file cannot be read line by line.
            raw = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
            with raw, unpacked(raw, path) as stream:
                for row in reader(config.data.format).rows(stream, path, config.data):
                    line = row.line
                    try:
                        example = example_of(row, self._role, config)
                    except BadRow as error:
                        yield problem(line, str(error))
                        continue
                    location = f"{path}:{line}"
                    serialised = serialise(example, location, config)
                    counted = tuple(config.task.counted(example.label))
                    yield example.split, counted, location, serialised, example.group
        except BadFile as error:
            yield problem(error.line or 1, error.problem)
        except (EOFError, OSError, zlib.error) as error:
            yield problem(line, f"cannot be read beyond this line: {error}")


def _write_summary(examples, problems, path: str) -> None:
    counts = examples | "Count" >> beam.CombineGlobally(_Count())
    scattered = (
        examples
        | "GroupedRows" >> beam.Filter(lambda element: element[4] is not None)
        | "GroupAndSplit" >> beam.Map(lambda element: (element[4], element[0]))
        | "Distinct" >> beam.Distinct()
        | "CountSplits" >> beam.combiners.Count.PerKey()
        | "InSeveral" >> beam.Filter(lambda counted: counted[1] > 1)
        | "Groups" >> beam.Keys()
    )
    groups = scattered | "FirstGroups" >> beam.combiners.Top.Smallest(SHOWN_PROBLEMS)
    first = problems | "FirstProblems" >> beam.combiners.Top.Smallest(SHOWN_PROBLEMS)
    total = problems | "CountProblems" >> beam.combiners.Count.Globally()

    def write(counted, shown: list, count: int, scattered_groups: list) -> None:
        rows, labels = counted
        summary = {"rows": rows, "labels": labels, "problems": shown, "problem_count": count}
        summary["groups_in_several_splits"] = scattered_groups
        with tfx_fileio.open(path, "w") as file:
            file.write(json.dumps(summary, indent=1, sort_keys=True))

    counts | "WriteSummary" >> beam.Map(
        write, *map(beam.pvalue.AsSingleton, (first, total, groups))
    )


class _Count(beam.CombineFn):
    """Rows by split, and ``{split: {label: (times, first location)}}``."""

    def create_accumulator(self) -> tuple[dict[str, int], dict[str, dict[str, tuple[int, str]]]]:
        return {split: 0 for split in SPLITS}, {split: {} for split in SPLITS}

    def add_input(self, accumulator, element):
        split, labels, location, *_ = element
        rows, counts = accumulator
        rows[split] += 1
        for label in labels:
            times, first = counts[split].get(label, (0, location))
            counts[split][label] = (times + 1, min(first, location))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[tuple[dict, dict]]):
        merged_rows, merged = self.create_accumulator()
        for rows, counts in accumulators:
            for split, labels in counts.items():
                merged_rows[split] += rows[split]
                for label, (times, first) in labels.items():
                    before, earliest = merged[split].get(label, (0, first))
                    merged[split][label] = (before + times, min(first, earliest))
        return merged_rows, merged

    def extract_output(self, accumulator):
        return accumulator
