"""Whether rows of one split are in another too, in whole or in part.

Three ways: the same inputs (what the model reads is equal, whatever the label), the same group,
and windows of a series of which one holds what the other is to predict.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from components.ingest.splits import SPLITS

SHOWN = 3
"""Examples of each kind that the summary holds."""

Seen = tuple[int, str]
"""Rows of a key in a split, and the first of their locations in it."""


class SeenIn(beam.CombineFn):
    """By split, how many rows have a key and which is the first of them."""

    def create_accumulator(self) -> dict[str, Seen]:
        return {}

    def add_input(self, seen: dict[str, Seen], element: tuple[str, str]) -> dict[str, Seen]:
        split, location = element
        times, first = seen.get(split, (0, location))
        seen[split] = (times + 1, min(first, location))
        return seen

    def merge_accumulators(self, accumulators: Iterable[dict[str, Seen]]) -> dict[str, Seen]:
        merged: dict[str, Seen] = {}
        for seen in accumulators:
            for split, (times, first) in seen.items():
                before, earliest = merged.get(split, (0, first))
                merged[split] = (before + times, min(first, earliest))
        return merged

    def extract_output(self, seen: dict[str, Seen]) -> dict[str, Seen]:
        return seen


class Scattered(beam.CombineFn):
    """Keys in several splits, the rows they have there, and rows that a split holds twice.

    Elements: ``(key, seen)``.  Output: ``{"count": keys, "rows": in the later splits, "examples":
    [[location, location], ...], "doubled": {split: rows beyond the first of their key}}``.
    """

    def create_accumulator(self) -> dict[str, Any]:
        return {"count": 0, "rows": 0, "examples": [], "doubled": dict.fromkeys(SPLITS, 0)}

    def add_input(self, found: dict[str, Any], element: tuple[bytes, dict[str, Seen]]):
        _, seen = element
        for split, (times, _) in seen.items():
            found["doubled"][split] += times - 1
        if len(seen) > 1:
            given = [split for split in SPLITS if split in seen]
            found["count"] += 1
            found["rows"] += sum(seen[split][0] for split in given[1:])
            example = [f"{split} {seen[split][1]}" for split in given]
            found["examples"] = sorted([*found["examples"], example])[:SHOWN]
        return found

    def merge_accumulators(self, accumulators: Iterable[dict[str, Any]]) -> dict[str, Any]:
        merged = self.create_accumulator()
        for found in accumulators:
            merged["count"] += found["count"]
            merged["rows"] += found["rows"]
            merged["examples"] = sorted([*merged["examples"], *found["examples"]])[:SHOWN]
            for split, times in found["doubled"].items():
                merged["doubled"][split] += times
        return merged

    def extract_output(self, found: dict[str, Any]) -> dict[str, Any]:
        return found


Placed = tuple[str, int, int, int, str]
"""A window's split, its start, first target and end, and the location of its row."""


def overlaps(windows: Iterable[Placed]) -> Iterator[list[str]]:
    """Windows of one series that are judged by steps which an earlier split was given.

    Yields ``[location of the one that was given, location of the judged one]``, at most one for
    each judged window.
    """
    placed: dict[str, list[Placed]] = {split: [] for split in SPLITS}
    for window in sorted(windows, key=lambda window: window[1:]):
        placed[window[0]].append(window)
    for number, split in enumerate(SPLITS[1:], start=1):
        given = sorted(
            (window for earlier in SPLITS[:number] for window in placed[earlier]),
            key=lambda window: window[1],
        )
        furthest = _furthest(given)
        for judged in placed[split]:
            # Of those that start before the judged steps end, the one that reaches furthest.
            place = bisect_left(given, judged[3], key=lambda window: window[1])
            if place and furthest[place - 1][3] > judged[2]:
                shared = furthest[place - 1]
                yield [f"{shared[0]} {shared[4]}", f"{split} {judged[4]}"]


def _furthest(windows: list[Placed]) -> list[Placed]:
    """For each place, the window up to it that ends last."""
    reached: list[Placed] = []
    for window in windows:
        reached.append(window if not reached or window[3] > reached[-1][3] else reached[-1])
    return reached


class CountOverlaps(beam.CombineFn):
    """``[given, judged]`` pairs to ``{"count": ..., "rows": ..., "examples": ...}``."""

    def create_accumulator(self) -> tuple[int, list[list[str]]]:
        return 0, []

    def add_input(self, found, pair: list[str]):
        return found[0] + 1, sorted([*found[1], pair])[:SHOWN]

    def merge_accumulators(self, accumulators):
        counts, examples = zip(*accumulators, strict=True)
        return sum(counts), sorted(pair for some in examples for pair in some)[:SHOWN]

    def extract_output(self, found) -> dict[str, Any]:
        return {"count": found[0], "rows": found[0], "examples": found[1]}


def problems(leaks: dict[str, dict[str, Any]]) -> list[str]:
    """What leaks, a sentence with examples for each way; none if nothing does."""
    said = {
        "inputs": "rows have the same inputs as a row of another split",
        "groups": "groups (data.group) have rows in several splits",
        "windows": "windows are judged by steps that an earlier split holds",
    }
    lines = []
    for way, text in said.items():
        found = leaks.get(way)
        if found and found["count"]:
            number = found["rows"] if way == "inputs" else found["count"]
            shown = "".join("\n    " + "  and  ".join(pair) for pair in found["examples"])
            lines.append(f"{number:,} {text}, for example{shown}")
    return lines
