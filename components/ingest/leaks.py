"""Whether rows of one split are in another too, in whole or in part.

Three ways: the same inputs (what the model reads is equal, whatever the label), the same group,
and windows of a series of which one holds what the other is to predict.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any

from components.ingest.splits import SPLITS

SHOWN = 3
"""Examples of each kind that the summary holds."""

Sighting = tuple[bytes, str, str]
"""A row's key (16 bytes), its split and its location."""
HELD = 10_000


class Sightings:
    """Gathers keys of rows by shard, so that Beam shuffles few large elements, not a small one a
    row.
    """

    def __init__(self) -> None:
        self._shards: dict[int, list[Sighting]] = {}
        self._held = 0

    def add(self, key: bytes, split: str, location: str) -> None:
        """Adds a row's key."""
        self._shards.setdefault(key[0], []).append((key, split, location))
        self._held += 1

    @property
    def full(self) -> bool:
        """Whether so many are held that they should be taken."""
        return self._held >= HELD

    def take(self) -> Iterator[tuple[int, list[Sighting]]]:
        """What is held, by shard; nothing is held after it."""
        yield from self._shards.items()
        self._shards, self._held = {}, 0


def scattered(sightings: Iterable[list[Sighting]]) -> dict[str, Any]:
    """Keys of a shard that are in several splits.

    Returns:
        ``count`` of these keys; their ``rows`` in the later splits; ``examples``, ``[[location,
        location], ...]``; ``doubled``: by split, rows beyond the first of their key.
    """
    seen: dict[bytes, dict[str, tuple[int, str]]] = {}
    for held in sightings:
        for key, split, location in held:
            splits = seen.setdefault(key, {})
            times, first = splits.get(split, (0, location))
            splits[split] = (times + 1, min(first, location))
    found = _none_scattered()
    for splits in seen.values():
        for split, (times, _) in splits.items():
            found["doubled"][split] += times - 1
        if len(splits) > 1:
            given = [split for split in SPLITS if split in splits]
            found["count"] += 1
            found["rows"] += sum(splits[split][0] for split in given[1:])
            found["examples"].append([f"{split} {splits[split][1]}" for split in given])
    found["examples"] = sorted(found["examples"])[:SHOWN]
    return found


def all_scattered(found: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Those of all shards."""
    merged = _none_scattered()
    for one in found:
        merged["count"] += one["count"]
        merged["rows"] += one["rows"]
        merged["examples"] = sorted([*merged["examples"], *one["examples"]])[:SHOWN]
        for split, times in one["doubled"].items():
            merged["doubled"][split] += times
    return merged


def _none_scattered() -> dict[str, Any]:
    return {"count": 0, "rows": 0, "examples": [], "doubled": dict.fromkeys(SPLITS, 0)}


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


def overlapping(windows: Iterable[Placed]) -> dict[str, Any]:
    """The overlaps of one series, in the form of ``scattered``."""
    pairs = list(overlaps(windows))
    found = _none_scattered()
    return found | {"count": len(pairs), "rows": len(pairs), "examples": sorted(pairs)[:SHOWN]}


def problems(leaks: dict[str, dict[str, Any]]) -> list[str]:
    """What leaks, a sentence with examples for each way; none if nothing does."""
    said = {
        "inputs": "rows with the same inputs as a row of another split",
        "groups": "groups (data.group) with rows in several splits",
        "windows": "windows judged by steps that an earlier split holds",
    }
    lines = []
    for way, text in said.items():
        found = leaks.get(way)
        if found and found["count"]:
            number = found["rows"] if way == "inputs" else found["count"]
            shown = "".join("\n    " + "  and  ".join(pair) for pair in found["examples"])
            lines.append(f"{number:,} {text}, for example{shown}")
    return lines
