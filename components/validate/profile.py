"""What a model of sequences dies of and TFDV does not count: lengths, empty rows, unseen tokens.

Imports no TensorFlow.  Memory is bounded whatever the rows: lengths are counted exactly up to 15
and in eighths of a power of two beyond; of more than ``MAX_TYPES`` distinct tokens, those whose
hash ends in zeros are kept, ever more zeros, and what is counted of them is scaled up.  All rows
are looked at: of a sample of the train split, too many tokens of the others would seem unseen.
"""

import heapq
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from components.ingest.splits import SPLITS
from components.validate.findings import SHOWN_ROWS, short
from models.features.per_step import is_per_step
from models.options import FeatureOptions
from models.raw import RawValue

MAX_TYPES = 4096
"""Distinct tokens that are kept of a feature in a split; that estimates a share of 10 % of them to
about a tenth of itself."""
MAX_KNOWN = 200_000
"""Distinct tokens of which it is remembered that they were hashed, which saves time alone."""
EXACT_BITS = 4


class Profile:
    """Counts rows as they come; profiles of parts of the data can be merged.

    Args:
        features: the experiment's, with all their options.
    """

    def __init__(self, features: Mapping[str, FeatureOptions]):
        self._features = {
            name: options for name, options in features.items() if _has_steps(options)
        }
        self._steps = {
            split: {name: _Steps(options) for name, options in self._features.items()}
            for split in SPLITS
        }

    @property
    def names(self) -> list[str]:
        """The features that are counted."""
        return list(self._features)

    def add(self, split: str, values: Mapping[str, RawValue], location: str) -> None:
        """Counts a row.

        Args:
            split: ``train``, ``validate`` or ``test``.
            values: by feature, those of ``names``, as ingest read them.
            location: ``file:line`` of the row, or its id.
        """
        counted = split != "train"
        for name, steps in self._steps[split].items():
            steps.add(values[name], location, counted)

    def merge(self, other: "Profile") -> None:
        """Adds what another profile of the same features counted."""
        for split, by_feature in self._steps.items():
            for name, steps in by_feature.items():
                steps.merge(other._steps[split][name])

    def to_json(self) -> dict[str, Any]:
        """By split and feature (those with steps or tokens alone):

        ``rows``; ``empty`` and, where the feature has a ``max_length``, ``too_long``: ``{"rows":
        number, "examples": [[location, value], ...]}``; ``lengths``: ``{"median", "percentile_95",
        "max", "bins": [[first, last, rows], ...]}`` in steps or tokens; ``tokens``, and how many
        of them are ``distinct``, about; and, of validate and test, ``unknown``: ``{"share": of the
        tokens that train does not have, "examples": [[location, token], ...]}``.
        """
        return {
            split: {
                name: steps.to_json(None if split == "train" else self._steps["train"][name])
                for name, steps in by_feature.items()
            }
            for split, by_feature in self._steps.items()
        }


def _has_steps(options: FeatureOptions) -> bool:
    # Which tokens the graph makes of a scalar only its kind can say; a category is one.
    return options.raw.is_sequence or options.tokens_of("") == []


class _Steps:
    """Of one feature in one split."""

    def __init__(self, options: FeatureOptions):
        self._options = options
        self._is_sequence = options.raw.is_sequence
        # What is cut of a sequence of texts is each text, not the sequence.
        self._limit = None if is_per_step(options) else getattr(options, "max_length", None)
        self.rows = 0
        self.bins: dict[int, int] = {}
        self.empty: list[Any] = [0, []]
        self.too_long = 0
        self.longest: list[tuple[int, str, str]] = []
        self.tokens = 0
        self.types = _Types()

    def add(self, value: RawValue, location: str, counted: bool) -> None:
        tokens = self._options.tokens_of(value)
        length = len(value) if self._is_sequence else len(tokens or ())
        self.rows += 1
        key = _bin(length)
        self.bins[key] = self.bins.get(key, 0) + 1
        if not length:
            self.empty[0] += 1
            if len(self.empty[1]) < SHOWN_ROWS:
                self.empty[1].append([location, short(value)])
        elif self._limit is not None and length > self._limit:
            self.too_long += 1
        if len(self.longest) < SHOWN_ROWS or length > self.longest[0][0]:
            heapq.heappush(self.longest, (length, location, short(value)))
            if len(self.longest) > SHOWN_ROWS:
                heapq.heappop(self.longest)
        if tokens:
            self.tokens += len(tokens)
            self.types.add(tokens, location, counted)

    def merge(self, other: "_Steps") -> None:
        self.rows += other.rows
        for key, count in other.bins.items():
            self.bins[key] = self.bins.get(key, 0) + count
        self.empty = [
            self.empty[0] + other.empty[0],
            sorted(self.empty[1] + other.empty[1])[:SHOWN_ROWS],
        ]
        self.too_long += other.too_long
        self.longest = heapq.nlargest(SHOWN_ROWS, self.longest + other.longest)
        heapq.heapify(self.longest)
        self.tokens += other.tokens
        self.types.merge(other.types)

    def to_json(self, train: "_Steps | None") -> dict[str, Any]:
        longest = heapq.nlargest(SHOWN_ROWS, self.longest)
        maximum = longest[0][0] if longest else 0
        content: dict[str, Any] = {
            "rows": self.rows,
            "empty": {"rows": self.empty[0], "examples": self.empty[1]},
            "lengths": {
                "median": min(self._quantile(0.5), maximum),
                "percentile_95": min(self._quantile(0.95), maximum),
                "max": maximum,
                "bins": [[key, _last(key), self.bins[key]] for key in sorted(self.bins)],
            },
            "tokens": self.tokens,
            "distinct": self.types.distinct,
        }
        if self._limit is not None:
            examples = [
                [location, f"{length} steps: {value}"]
                for length, location, value in longest
                if length > self._limit
            ]
            content["too_long"] = {
                "limit": self._limit,
                "rows": self.too_long,
                "examples": examples,
            }
        if train is not None and self.tokens:
            unknown, examples = self.types.beyond(train.types)
            share = min(1.0, unknown / self.tokens)
            content["unknown"] = {"share": share, "examples": examples}
        return content

    def _quantile(self, share: float) -> int:
        """The length that this share of the rows does not exceed; the last one of its bin."""
        reached = 0
        for key in sorted(self.bins):
            reached += self.bins[key]
            if reached >= share * self.rows:
                return _last(key)
        return 0


def _bin(length: int) -> int:
    """The first length of its bin."""
    cut = length.bit_length() - EXACT_BITS
    return length if cut <= 0 else (length >> cut) << cut


def _last(first: int) -> int:
    """The last length of a bin."""
    return first + (1 << max(0, first.bit_length() - EXACT_BITS)) - 1


class _Types:
    """Distinct tokens, or those of them whose hash ends in ``level`` zeros."""

    def __init__(self) -> None:
        self.level = 0
        self.kept: dict[str, list[Any]] = {}
        """By token: how often it occurred, where that is counted, and its first location."""
        self._known: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        # What saves time here is of no use to another process.
        return self.__dict__ | {"_known": set()}

    @property
    def distinct(self) -> int:
        """About how many there are."""
        return len(self.kept) << self.level

    def add(self, tokens: list[str], location: str, counted: bool) -> None:
        fresh = set(tokens)
        fresh.difference_update(self._known)
        if fresh:
            for token in fresh:
                if token not in self.kept and self._takes(token):
                    self.kept[token] = [0, location]
            if len(self._known) < MAX_KNOWN:
                self._known |= fresh
            if len(self.kept) > MAX_TYPES:
                self._thin(self.level + 1)
        if counted:
            kept = self.kept
            for token in tokens:
                if token in kept:
                    kept[token][0] += 1

    def merge(self, other: "_Types") -> None:
        for token, (times, location) in other.kept.items():
            mine = self.kept.setdefault(token, [0, location])
            mine[0] += times
            mine[1] = min(mine[1], location)
        self._thin(max(self.level, other.level))

    def beyond(self, train: "_Types") -> tuple[int, list[list[str]]]:
        """How many tokens occur here that do not occur there, and where the most frequent are."""
        level = max(self.level, train.level)
        unknown = [
            (-times, location, token)
            for token, (times, location) in self.kept.items()
            if token not in train.kept and _zeros(token, level)
        ]
        times = -sum(entry[0] for entry in unknown) << level
        return times, [[where, short(token)] for _, where, token in sorted(unknown)[:SHOWN_ROWS]]

    def _takes(self, token: str) -> bool:
        return not self.level or _zeros(token, self.level)

    def _thin(self, level: int) -> None:
        while True:
            self.level = level
            self.kept = {token: entry for token, entry in self.kept.items() if _zeros(token, level)}
            if len(self.kept) <= MAX_TYPES:
                return
            level += 1


def _zeros(token: str, level: int) -> bool:
    # Not Python's own hash, which another process computes differently.
    digest = zlib.crc32(token.encode("utf-8", "surrogatepass"))
    return not digest & ((1 << level) - 1)


def merged(profiles: Iterable[Profile], features: Mapping[str, FeatureOptions]) -> Profile:
    """One profile of several, as Beam combines them."""
    whole = Profile(features)
    for profile in profiles:
        whole.merge(profile)
    return whole
