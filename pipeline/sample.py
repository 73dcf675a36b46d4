"""Counts and lengths of an experiment's data, read in seconds; imports no TensorFlow.

Rows are read as ingest reads them, file by file, each file within its share of the time; what was
not reached is estimated from the bytes that were.
"""

import io
import math
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

from components.errors import DataError
from components.ingest.assign import cuts_of
from components.ingest.files import local_parts
from components.ingest.parts import read_part, unpacked
from components.ingest.rows import BadFile, BadRow, Example, example_of
from components.ingest.splits import SPLITS, SplitByTime
from components.spec import IngestConfig
from models.options import FeatureOptions

SECONDS = 4.0
MEASURED_ROWS = 4000
"""Of each file: the rows at its head whose tokens are counted, and then those of every 10th."""
EVERY = 10
KEPT_ROWS = 2500
"""Rows of the train split that a calibration trains on."""
SHOWN_PROBLEMS = 5
STEP = 8192


@dataclass
class Lengths:
    """Steps of a feature.

    Attributes:
        steps: of each measured row, whatever is kept of them; tokens, where there are such.
        seen: distinct ones in the train split.
        counted: how many were looked at for that.
        grown: ``(counted, distinct)`` as it was each time ``counted`` had doubled.
    """

    steps: list[int] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    counted: int = 0
    grown: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])

    def add(self, tokens: list[str], learnt_from: bool) -> None:
        """Adds a row's tokens; those that a vocabulary is learnt from count for its size."""
        self.steps.append(len(tokens))
        if learnt_from:
            self.seen.update(tokens)
            self.counted += len(tokens)
            if self.counted >= 2 * self.grown[-1][0]:
                self.grown.append((self.counted, len(self.seen)))

    def distinct(self, total: float) -> int:
        """Distinct tokens among ``total``, as they grew with those counted (Heaps' law)."""
        if not self.counted:
            return 0
        before = next(
            (pair for pair in reversed(self.grown) if 0 < pair[0] <= self.counted / 2), None
        )
        if before is None or total <= self.counted:
            return len(self.seen)
        exponent = math.log(len(self.seen) / before[1]) / math.log(self.counted / before[0])
        return round(len(self.seen) * (total / self.counted) ** exponent)


class DataSample(NamedTuple):
    """What was found.

    Attributes:
        whole: whether every row was read; else the counts are estimates.
        share: of the data's bytes, how much was read.
        bytes: of the data, unpacked.
        rows: by split, estimated from the bytes where not all was read.
        labels: of the rows that were read.
        lengths: by feature that has steps.
        kept: some rows of the train split: ``(values by feature, targets by name)``.
        skipped: records read that are passed over on purpose, by reason.
        bad: rows and files read that cannot be used, and are left out.
        first_bad: the first of these problems, if there is any.
    """

    whole: bool
    share: float
    bytes: float
    rows: dict[str, float]
    labels: Counter[str]
    lengths: dict[str, Lengths]
    kept: list[tuple[dict[str, Any], Any]]
    skipped: Counter[str]
    bad: int
    first_bad: str | None

    def train_steps(self, feature: str) -> float:
        """Steps of a feature in the train split."""
        steps = self.lengths[feature].steps
        return self.rows["train"] * sum(steps) / max(len(steps), 1)


def read_sample(
    config: IngestConfig, features: dict[str, FeatureOptions], seconds: float = SECONDS
) -> DataSample:
    """Reads what can be read in some seconds.

    Args:
        config: ingest's share of the experiment.
        features: the experiment's.
        seconds: how long to read, about.

    Raises:
        DataError: rows cannot be used; the message has the first of them.
    """
    gathered = _Gathered(config, features)
    parts = local_parts(config.data)
    sizes = [os.path.getsize(part) if os.path.isfile(part) else 1 for _, part in parts]
    total = sum(sizes) or 1
    for (role, part), size in zip(parts, sizes, strict=True):
        gathered.read(part, role, size, seconds * size / total)
    return gathered.sample(total)


class _InSteps(io.BufferedReader):
    """A file that gives at most ``STEP`` bytes a read, so that ``tell`` stays near the last row.

    Python 3.12 and newer ask for 128 KiB of a packed file at once, 3.11 for 8.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size, STEP) if size and size > 0 else size)


class _Gathered:
    def __init__(self, config: IngestConfig, features: dict[str, FeatureOptions]):
        self._config = config
        self._features = features
        self._rows = dict.fromkeys(SPLITS, 0.0)
        self._labels: Counter[str] = Counter()
        self._lengths: dict[str, Lengths] = {}
        self._kept: list[tuple[dict[str, Any], Any]] = []
        self._skipped: Counter[str] = Counter()
        self._bad: list[str] = []
        self._offered = 0
        self._random = random.Random(0)
        self._times: list[tuple[float, float]] = []
        self._fails = config.data.on_bad_row == "fail"
        self._read, self._unpacked = 0.0, 0.0
        self._whole = True

    def read(self, part: str, role: str, size: int, seconds: float) -> None:
        """Reads a part of so many bytes for some seconds."""
        ends = time.perf_counter() + seconds
        found = dict.fromkeys(SPLITS, 0)
        times: list[float] = []
        problems: list[str] = []
        opened: list[tuple[BinaryIO, BinaryIO]] = []
        ended, read, there = True, 0, 0

        @contextmanager
        def opener(path: str) -> Iterator[BinaryIO]:
            with _InSteps(io.FileIO(path)) as raw, unpacked(raw, path) as stream:
                opened.append((raw, stream))
                yield stream

        try:
            for number, row in enumerate(read_part(part, self._config.data, opener)):
                # Now: a reader may close the stream as it ends.
                read, there = (file.tell() for file in opened[0]) if opened else (size, size)
                if row.skipped is not None:
                    self._skipped[row.skipped] += 1
                else:
                    try:
                        example = example_of(row, role, self._config)
                    except BadRow as error:
                        problems.append(f"{part}:{row.line}: {error}")
                        if self._fails and len(problems) == SHOWN_PROBLEMS:
                            break
                        continue
                    if example.split is None:
                        times.append(example.time)
                    else:
                        found[example.split] += 1
                    self._add(example, number < MEASURED_ROWS or number % EVERY == 0)
                if time.perf_counter() > ends:
                    ended = False
                    break
        except BadFile as error:
            problems.append(str(error))
        if problems and self._fails:
            raise DataError("\n".join(problems))
        self._bad += problems
        share = max((size if ended else read) / max(size, 1), 1e-9)
        for split, rows in found.items():
            self._rows[split] += rows / share
        self._times += [(when, 1 / share) for when in times]
        self._read += size if ended else read
        self._unpacked += there / share
        self._whole = self._whole and ended

    def _add(self, example: Example, measured: bool) -> None:
        if self._config.task is not None:
            self._labels.update(self._config.task.counted(example.targets))
        # Where the times of all rows decide, any row may be one that is learnt from.
        train = example.split in ("train", None)
        if measured:
            for name, options in self._features.items():
                value = example.values[name]
                tokens = options.tokens_of(value)
                if tokens is not None:
                    self._lengths.setdefault(name, Lengths()).add(tokens, train)
                elif isinstance(value, list):
                    self._lengths.setdefault(name, Lengths()).steps.append(len(value))
        if train:
            # Every row of the split is as likely to be kept as another (reservoir sampling).
            self._offered += 1
            if len(self._kept) < KEPT_ROWS:
                self._kept.append((example.values, example.targets))
            else:
                place = self._random.randrange(self._offered)
                if place < KEPT_ROWS:
                    self._kept[place] = (example.values, example.targets)

    def sample(self, size: int) -> DataSample:
        """What was gathered, of parts of a size."""
        split = self._config.data.split
        if isinstance(split, SplitByTime):
            cuts = cuts_of({when for when, _ in self._times}, split)
            for when, rows in self._times:
                fallen = cuts.split_of(when, split.gap_size)
                if fallen is not None:
                    self._rows[fallen] += rows
        return DataSample(
            self._whole,
            self._read / size,
            self._unpacked,
            self._rows,
            self._labels,
            self._lengths,
            self._kept,
            self._skipped,
            len(self._bad),
            self._bad[0] if self._bad else None,
        )
