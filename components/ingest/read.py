"""From parts to kept rows, in Beam.

Rows that cannot be used do not fail inside a worker, where the message would drown in a stack
trace, but are told apart, to be reported together, left out or put aside.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from components.ingest.assign import Cuts, cuts_of
from components.ingest.parts import read_part, unpacked
from components.ingest.rows import BadFile, BadRow, Row, example_of
from components.ingest.serialise import Serialiser
from components.ingest.splits import SplitByTime
from components.spec import IngestConfig

PROBLEMS, SKIPPED = "problems", "skipped"
KEPT_CHARACTERS = 10_000
"""Of a bad row, in the quarantine file."""
IN_GAP = "in the gap before a cut between splits (data.split.gap)"


Kept = tuple[
    str | None,
    float | None,
    bytes,
    str,
    tuple[str, ...],
    bytes,
    str | None,
    tuple[str, int, int, int] | None,
]
"""A row that becomes an example; a plain tuple, since Beam codes those much faster than named ones.

The split it falls to (None until the times of all rows are known); its time, where times decide;
its serialised tf.Example; its location, ``file:line`` or its id, with the first step of a window
after it; its labels, to be counted; the digest of its inputs; its group; its ``Window`` as a tuple.
"""


class ReadPart(beam.DoFn):
    """``(role, part)`` to ``Kept``, and to the rows that are not, under the tags.

    ``problems``: ``(part, line, problem, what came)``; ``skipped``: a reason.
    """

    def __init__(self, config_json: str):
        self._config_json = config_json

    def setup(self) -> None:
        self._config = IngestConfig.model_validate_json(self._config_json)
        self._serialise = Serialiser(self._config)

    def process(self, element: tuple[str, str]) -> Iterator[Any]:
        role, part = element
        config = self._config
        try:
            for row in read_part(part, config.data, _open):
                if row.skipped is not None:
                    yield beam.pvalue.TaggedOutput(SKIPPED, row.skipped)
                    continue
                try:
                    yield _kept(row, part, role, config, self._serialise)
                except BadRow as error:
                    problem = (part, row.line, str(error), _came(row))
                    yield beam.pvalue.TaggedOutput(PROBLEMS, problem)
        except BadFile as error:
            yield beam.pvalue.TaggedOutput(PROBLEMS, (part, error.line or 1, error.problem, ""))


@contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    # Beam's own decompressing file cannot be read line by line.
    raw = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    with raw, unpacked(raw, path) as stream:
        yield stream


def _kept(row: Row, part: str, role: str, config: IngestConfig, serialise: Serialiser) -> Kept:
    example = example_of(row, role, config)
    location = example.id or f"{part}:{row.line}"
    if row.window is not None:
        # Of one record, or of one series, many are cut out.
        location += f":{row.window.start}"
    labels = () if config.task is None else tuple(config.task.counted(example.targets))
    return (
        example.split,
        example.time,
        serialise(example, location),
        location,
        labels,
        example.digest,
        example.group,
        None if row.window is None else tuple(row.window),
    )


def _came(row: Row) -> str:
    came = row.came
    if came is None:
        came = json.dumps(dict(row.fields), ensure_ascii=False, default=repr) if row.fields else ""
    return came[:KEPT_CHARACTERS]


class CutByTime(beam.PTransform):
    """Gives each row its split by the times of all."""

    def __init__(self, split: SplitByTime):
        super().__init__()
        self._split = split

    def expand(self, rows):
        split = self._split
        times = (
            rows
            | "Times" >> beam.Map(lambda row: row[1])
            | "DistinctTimes" >> beam.Distinct()
            | "AllTimes" >> beam.combiners.ToList()
            | "Cuts" >> beam.Map(lambda times: tuple(cuts_of(times, split)))
        )
        return rows | "Assign" >> beam.ParDo(
            _Assign(split.gap_size), cuts=beam.pvalue.AsSingleton(times)
        ).with_outputs(SKIPPED, main="rows")


class _Assign(beam.DoFn):
    def __init__(self, gap: float):
        self._gap = gap

    def process(self, row: tuple[Any, ...], cuts: tuple[float, ...]) -> Iterator[Any]:
        split = Cuts(*cuts).split_of(row[1], self._gap)
        yield beam.pvalue.TaggedOutput(SKIPPED, IN_GAP) if split is None else (split, *row[1:])
