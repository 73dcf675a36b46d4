"""What ingest counted: ``summary.json`` beside the examples, which the data gate reads.

``read`` records; of these ``rows`` by split, ``skipped`` by reason and ``problem_count`` bad ones
(the first of them under ``problems``: ``[part, line, problem]``); ``labels`` by split, ``{label:
[times, first location]}``; ``leaks`` between splits by way (``components.ingest.leaks``);
``duplicates``: rows by split whose inputs another row of the split has; ``quarantine``: the file
of bad rows, if one was written.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from tfx.dsl.io import fileio

from components.ingest.leaks import Sightings, all_scattered, overlapping, scattered
from components.ingest.options import DataOptions
from components.ingest.splits import SPLITS, SplitByTime

SUMMARY = "summary.json"
QUARANTINE = "quarantine.jsonl"
SHOWN_PROBLEMS = 5
INPUTS, GROUPS, IDS, WINDOWS = "inputs", "groups", "ids", "windows"
COUNTS, SEEN = "counts", "seen"
TALLIED = (COUNTS, SEEN)
"""Outputs of ``Tally`` beside the rows of each split."""


class Tally(beam.DoFn):
    """Rows on their way to the files, counted as they pass.

    Tags: ``train``, ``validate`` and ``test``, the serialised rows; ``counts``, one for each
    bundle; ``seen``, what leaks are found by: ``((way, shard), sightings)`` and ``((windows,
    series), [(split, start, targets, end, location)])``.
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
                for shard, held in seen.take():
                    yield beam.pvalue.TaggedOutput(SEEN, ((way, shard), held))
        if window is not None:
            series, *steps = window
            placed = (split, *steps, location)
            yield beam.pvalue.TaggedOutput(SEEN, ((WINDOWS, series), [placed]))

    def finish_bundle(self) -> Iterator[Any]:
        yield beam.pvalue.TaggedOutput(COUNTS, _at_the_end((self._rows, self._labels)))
        for way, seen in self._seen.items():
            for shard, held in seen.take():
                yield beam.pvalue.TaggedOutput(SEEN, _at_the_end(((way, shard), held)))


def _at_the_end(value: Any) -> Any:
    window = beam.transforms.window.GlobalWindow()
    return beam.utils.windowed_value.WindowedValue(value, 0, [window])


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:16]


class Counted(NamedTuple):
    """What is counted of rows, kept, skipped and bad.

    Attributes:
        rows: by split.
        labels: by split, ``{label: (times, first location)}``.
        skipped: by reason.
        bad: how many.
        problems: the first of them.
    """

    rows: dict[str, int]
    labels: dict[str, dict[str, tuple[int, str]]]
    skipped: dict[str, int]
    bad: int
    problems: list[tuple[str, int, str, str]]


def _of_bundle(counted: tuple[dict, dict]) -> Counted:
    return Counted(*counted, {}, 0, [])


def _of_skipped(reason: str) -> Counted:
    return Counted({}, {}, {reason: 1}, 0, [])


def _of_problem(problem: tuple[str, int, str, str]) -> Counted:
    return Counted({}, {}, {}, 1, [problem])


def all_counted(counted: Iterable[Counted]) -> Counted:
    """The sum; Beam calls it on sums too."""
    rows, skipped, bad = dict.fromkeys(SPLITS, 0), Counter[str](), 0
    labels: dict[str, dict[str, tuple[int, str]]] = {split: {} for split in SPLITS}
    problems: list[tuple[str, int, str, str]] = []
    for one in counted:
        for split, count in one.rows.items():
            rows[split] += count
        for split, found in one.labels.items():
            for label, (times, first) in found.items():
                before, earliest = labels[split].get(label, (0, first))
                labels[split][label] = (before + times, min(first, earliest))
        skipped.update(one.skipped)
        bad += one.bad
        problems = sorted([*problems, *one.problems])[:SHOWN_PROBLEMS]
    return Counted(rows, labels, dict(skipped), bad, problems)


def write_summary(
    tallied: Any, problems: Any, skipped: Any, data: DataOptions, folder: str
) -> None:
    """Adds to the pipeline what counts and writes the summary.

    Few stages do it all, since each costs a small file more than its rows do.

    Args:
        tallied: outputs of ``Tally`` by tag.
        problems: bad rows, see ``components.ingest.read.ReadPart``.
        skipped: reasons.
        data: the data options.
        folder: of ingest's examples.
    """
    facts = (
        tallied[COUNTS] | "OfBundles" >> beam.Map(_of_bundle),
        skipped | "OfSkipped" >> beam.Map(_of_skipped),
        problems | "OfProblems" >> beam.Map(_of_problem),
    )
    counts = facts | "Facts" >> beam.Flatten() | "Count" >> beam.CombineGlobally(all_counted)
    leaks = (
        tallied[SEEN]
        | "BySeen" >> beam.GroupByKey()
        | "Leaks" >> beam.Map(_leaks_of)
        | "AllLeaks" >> beam.CombineGlobally(_all_leaks)
    )
    quarantined = data.on_bad_row == "quarantine"
    if quarantined:
        _write_quarantine(problems, f"{folder}/{QUARANTINE}")

    def write(counted: Counted, leaks: dict[str, dict[str, Any]]) -> None:
        summary = {
            "read": sum(counted.rows.values()) + sum(counted.skipped.values()) + counted.bad,
            "rows": counted.rows,
            "labels": counted.labels,
            "skipped": counted.skipped,
            "problem_count": counted.bad,
            "problems": [[part, line, problem] for part, line, problem, _ in counted.problems],
            "duplicates": leaks[INPUTS]["doubled"],
            "leaks": leaks,
            "quarantine": QUARANTINE if quarantined and counted.bad else None,
        }
        with fileio.open(f"{folder}/{SUMMARY}", "w") as file:
            file.write(json.dumps(summary, indent=1, sort_keys=True, ensure_ascii=False))

    counts | "WriteSummary" >> beam.Map(write, beam.pvalue.AsSingleton(leaks))


def _leaks_of(element: tuple[tuple[str, Any], Iterable[list[Any]]]) -> dict[str, dict[str, Any]]:
    (way, _), held = element
    if way == WINDOWS:
        return {way: overlapping(window for windows in held for window in windows)}
    return {way: scattered(held)}


def _all_leaks(found: Iterable[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    by_way: dict[str, list[dict[str, Any]]] = {way: [] for way in (INPUTS, GROUPS, IDS, WINDOWS)}
    for one in found:
        for way, leaks in one.items():
            by_way[way].append(leaks)
    return {way: all_scattered(leaks) for way, leaks in by_way.items()}


def _write_quarantine(problems: Any, path: str) -> None:
    def line(problem: tuple[str, int, str, str]) -> str:
        names = ("file", "line", "problem", "row")
        return json.dumps(dict(zip(names, problem, strict=True)), ensure_ascii=False)

    (
        problems
        | "AsLines" >> beam.Map(line)
        | "Quarantine" >> beam.io.WriteToText(path, num_shards=1, shard_name_template="")
    )
