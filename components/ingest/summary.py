"""What ingest counted: ``summary.json`` beside the examples, which the data gate reads.

``read`` records; of these ``rows`` by split, ``skipped`` by reason and ``problem_count`` bad ones
(the first of them under ``problems``: ``[part, line, problem]``); ``labels`` by split, ``{label:
[times, first location]}``; ``leaks`` between splits by way (``components.ingest.leaks``);
``duplicates``: rows by split whose inputs another row of the split has; ``quarantine``: the file
of bad rows, if one was written.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from tfx.dsl.io import fileio

from components.ingest.leaks import CountOverlaps, Sightings, all_scattered, overlaps, scattered
from components.ingest.options import DataOptions
from components.ingest.splits import SPLITS, SplitByTime

SUMMARY = "summary.json"
QUARANTINE = "quarantine.jsonl"
SHOWN_PROBLEMS = 5
INPUTS, GROUPS, IDS, WINDOWS = "inputs", "groups", "ids", "windows"
TALLIED = ("counts", INPUTS, GROUPS, IDS, WINDOWS)
"""Outputs of ``Tally`` beside the rows of each split."""


class Tally(beam.DoFn):
    """Rows on their way to the files, counted as they pass.

    Tags: ``train``, ``validate`` and ``test``, the serialised rows; ``counts``, one for each
    bundle; ``inputs``, ``groups`` and ``ids``, ``Sightings`` by shard; ``windows``, ``(series,
    (split, start, targets, end, location))``.
    """

    def __init__(self, data: DataOptions):
        # A split by time tears series and patients apart on purpose.
        self._groups = data.group is not None and not isinstance(data.split, SplitByTime)
        self._ids = data.id is not None

    def start_bundle(self) -> None:
        self._rows = dict.fromkeys(SPLITS, 0)
        self._seen = {way: Sightings() for way in (INPUTS, GROUPS, IDS)}
        self._labels: dict[str, dict[str, tuple[int, str]]] = {split: {} for split in SPLITS}

    def process(self, row: tuple[Any, ...]) -> Iterator[Any]:
        split, _, serialised, location, labels, digest, group, window = row
        self._rows[split] += 1
        counts = self._labels[split]
        for label in labels:
            times, first = counts.get(label, (0, location))
            counts[label] = (times + 1, min(first, location))
        yield beam.pvalue.TaggedOutput(split, serialised)
        self._seen[INPUTS].add(digest, split, location)
        if self._groups:
            self._seen[GROUPS].add(_key(group), split, location)
        if self._ids:
            self._seen[IDS].add(_key(location), split, location)
        for way, seen in self._seen.items():
            if seen.full:
                for shard in seen.take():
                    yield beam.pvalue.TaggedOutput(way, shard)
        if window is not None:
            series, *steps = window
            yield beam.pvalue.TaggedOutput(WINDOWS, (series, (split, *steps, location)))

    def finish_bundle(self) -> Iterator[Any]:
        yield beam.pvalue.TaggedOutput("counts", _at_the_end((self._rows, self._labels)))
        for way, seen in self._seen.items():
            for shard in seen.take():
                yield beam.pvalue.TaggedOutput(way, _at_the_end(shard))


def _at_the_end(value: Any) -> Any:
    window = beam.transforms.window.GlobalWindow()
    return beam.utils.windowed_value.WindowedValue(value, 0, [window])


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:16]


class _Merge(beam.CombineFn):
    """The counts of all bundles."""

    def create_accumulator(self) -> tuple[dict[str, int], dict[str, dict[str, tuple[int, str]]]]:
        return dict.fromkeys(SPLITS, 0), {split: {} for split in SPLITS}

    def add_input(self, accumulator, counted):
        return self.merge_accumulators([accumulator, counted])

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


def write_summary(
    tallied: Any, problems: Any, skipped: Any, data: DataOptions, folder: str
) -> None:
    """Adds to the pipeline what counts and writes the summary.

    Args:
        tallied: outputs of ``Tally`` by tag.
        problems: bad rows, see ``components.ingest.read.ReadPart``.
        skipped: reasons.
        data: the data options.
        folder: of ingest's examples.
    """
    counts = tallied["counts"] | "Count" >> beam.CombineGlobally(_Merge())
    reasons = (
        skipped | "CountSkipped" >> beam.combiners.Count.PerElement() | beam.combiners.ToDict()
    )
    first = problems | "FirstProblems" >> beam.combiners.Top.Smallest(SHOWN_PROBLEMS)
    total = problems | "CountProblems" >> beam.combiners.Count.Globally()
    found = {INPUTS: _scattered(tallied, INPUTS)}
    if data.group is not None:
        found[GROUPS] = _scattered(tallied, GROUPS)
    if data.id is not None:
        found[IDS] = _scattered(tallied, IDS)
    found[WINDOWS] = (
        tallied[WINDOWS]
        | "BySeries" >> beam.GroupByKey()
        | "Overlaps" >> beam.FlatMap(lambda series: overlaps(series[1]))
        | "CountOverlaps" >> beam.CombineGlobally(CountOverlaps())
    )
    quarantined = data.on_bad_row == "quarantine"
    if quarantined:
        _write_quarantine(problems, f"{folder}/{QUARANTINE}")

    def write(counted, reasons: dict, first: list, total: int, *ways: dict[str, Any]) -> None:
        rows, labels = counted
        leaks = dict(zip(found, ways, strict=True))
        leaks.get(GROUPS, {}).pop("doubled", None)
        summary = {
            "read": sum(rows.values()) + sum(reasons.values()) + total,
            "rows": rows,
            "labels": labels,
            "skipped": reasons,
            "problem_count": total,
            "problems": [[part, line, problem] for part, line, problem, _ in first],
            "duplicates": leaks[INPUTS].pop("doubled"),
            "leaks": leaks,
            "quarantine": QUARANTINE if quarantined and total else None,
        }
        with fileio.open(f"{folder}/{SUMMARY}", "w") as file:
            file.write(json.dumps(summary, indent=1, sort_keys=True, ensure_ascii=False))

    sides = (reasons, first, total, *found.values())
    counts | "WriteSummary" >> beam.Map(write, *map(beam.pvalue.AsSingleton, sides))


def _scattered(tallied: Any, way: str) -> Any:
    return (
        tallied[way]
        | f"Shards[{way}]" >> beam.GroupByKey()
        | f"Scattered[{way}]" >> beam.Map(lambda shard: scattered(shard[1]))
        | f"AllScattered[{way}]" >> beam.CombineGlobally(all_scattered)
    )


def _write_quarantine(problems: Any, path: str) -> None:
    def line(problem: tuple[str, int, str, str]) -> str:
        names = ("file", "line", "problem", "row")
        return json.dumps(dict(zip(names, problem, strict=True)), ensure_ascii=False)

    (
        problems
        | "AsLines" >> beam.Map(line)
        | "Quarantine" >> beam.io.WriteToText(path, num_shards=1, shard_name_template="")
    )
