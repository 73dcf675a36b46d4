"""The split that a row falls to, by a hash, a column, its file or its time."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from components.ingest.splits import AnySplit, SplitByColumn, SplitByFiles, SplitByTime
from components.ingest.times import time_number
from models.raw import RawError, column_text


def split_of(
    fields: Mapping[str, Any], role: str, keys: Mapping[str, str | None], split: AnySplit
) -> str | None:
    """The split that a row belongs to; None where the times of all rows decide.

    Args:
        fields: the row's, by column.
        role: the split that its file was given for (``all`` where rows decide).
        keys: what tells it from others: its ``row`` (digest), ``id`` and ``group``.
        split: how rows fall to splits.

    Raises:
        RawError: the split column is absent or names no split.
    """
    if isinstance(split, SplitByTime):
        return None
    if isinstance(split, SplitByColumn):
        came = column_text(fields, split.column)
        found = split.split_of(came)
        if found is None:
            named = ", ".join(f"{name} {value!r}" for name, value in split.named.items())
            raise RawError(f"column {split.column!r} is {came!r}; the splits are {named}")
        held_out = isinstance(split.validation, float) and found == "train"
        return _held_out(keys, split.validation, split.seed) if held_out else found
    if isinstance(split, SplitByFiles):
        if role != "train" or isinstance(split.validation, str):
            return role
        return _held_out(keys, split.validation, split.seed)
    position = hash_position(f"{split.seed}:{keys[split.by]}")
    if position < split.train:
        return "train"
    return "validate" if position < split.train + split.validation else "test"


def _held_out(keys: Mapping[str, str | None], share: float, seed: int) -> str:
    key = keys["group"] or keys["row"]
    return "validate" if hash_position(f"{seed}:{key}") < share else "train"


def hash_position(key: str) -> float:
    """Where a key falls in [0, 1), evenly and the same everywhere."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


class Cuts(NamedTuple):
    """Times at which the validate and the test split start."""

    validate: float
    test: float

    def split_of(self, time: float, gap: float) -> str | None:
        """The split of a time; None for one in the gap before a cut."""
        if time >= self.test:
            return "test"
        if time >= self.test - gap:
            return None
        if time >= self.validate:
            return "validate"
        return None if time >= self.validate - gap else "train"


def cuts_of(times: Iterable[float], split: SplitByTime) -> Cuts:
    """Where a split by time cuts.

    Args:
        times: the distinct times of all rows, in any order; not read where the cuts are stated.
        split: its options.
    """
    if split.validate_from is not None:
        return Cuts(
            time_number(split.validate_from, "data.split.validate_from"),
            time_number(split.test_from, "data.split.test_from"),
        )
    ordered = sorted(times)
    if not ordered:
        return Cuts(0.0, 0.0)
    first, second = (
        round(share * len(ordered)) for share in (split.train, split.train + split.validation)
    )
    return Cuts(*(ordered[min(place, len(ordered) - 1)] for place in (first, second)))
