"""Rows as readers give them, their split, and their values by feature.

A reader is a module ``components/ingest/readers/<format>.py`` with ``rows(stream, path, options)``,
which yields a ``Row`` for each record of an open binary stream; it never raises for a bad record
but says in ``problem`` what is wrong with it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple, Protocol

from components.errors import DataError
from components.spec import DataOptions, IngestConfig, SplitByColumn, SplitByFiles
from models.raw import RawError, RawValue, column_text

MAX_FIELD_BYTES = 64 * 2**20


class Row(NamedTuple):
    """A record: the line it starts at, its fields by name, or what is wrong with it."""

    line: int
    fields: Mapping[str, Any]
    problem: str | None = None


class Reader(Protocol):
    """The contract of a reader module's ``rows``."""

    def __call__(self, stream: BinaryIO, path: str, options: DataOptions) -> Iterator[Row]:
        """Yields the records of ``stream``, which was opened at ``path``.

        Raises:
            BadFile: the file as a whole cannot be read (no header, say).
        """


class BadFile(DataError):
    """A file of which no row can be read; the message says where, why and what to do."""

    def __init__(self, path: str, line: int | None, problem: str):
        super().__init__(f"{path}:{line}: {problem}" if line else f"{path}: {problem}")
        self.line = line
        self.problem = problem


class BadRow(ValueError):
    """A row that cannot become an example; the message says why and what to do."""


class Example(NamedTuple):
    """A row's values by feature, its label, group and split."""

    split: str
    label: RawValue
    values: dict[str, RawValue]
    group: str | None


def example_of(row: Row, role: str, config: IngestConfig) -> Example:
    """Takes from a row what the experiment names.

    Args:
        row: the row.
        role: the split that its file was given for (``all`` where rows decide).
        config: ingest's share of the experiment.

    Raises:
        BadRow: a value is missing or of the wrong type, or the row belongs to no split.
    """
    if row.problem:
        raise BadRow(row.problem)
    try:
        values = {name: options.read(row.fields, name) for name, options in config.features.items()}
        label = config.task.read(row.fields)
        config.task.check_row(label, values)
        group = None
        if config.data.group is not None:
            group = column_text(row.fields, config.data.group)
            if not group:
                raise BadRow(f"column {config.data.group!r} (data.group) is empty")
        return Example(split_of(row, role, group, config.data), label, values, group)
    except RawError as error:
        raise BadRow(str(error)) from error


def split_of(row: Row, role: str, group: str | None, options: DataOptions) -> str:
    """The split that a row belongs to.

    Args:
        row: the row.
        role: the split that its file was given for (``all`` where rows decide).
        group: its group, if the data have one.
        options: the data options.

    Raises:
        BadRow: the split column names no split.
        RawError: the split column is absent or holds no text.
    """
    split = options.split
    if isinstance(split, SplitByColumn):
        came = column_text(row.fields, split.column)
        named = {split.train: "train", split.validation: "validate", split.test: "test"}
        if came not in named:
            raise BadRow(
                f"column {split.column!r} is {came!r}; a split is one of "
                f"{', '.join(map(repr, named))}"
            )
        return named[came]
    if isinstance(split, SplitByFiles):
        if role != "train" or isinstance(split.validation, str):
            return role
        key = group if group is not None else json.dumps(row.fields, sort_keys=True)
        return "validate" if hash_position(f"{split.seed}:{key}") < split.validation else "train"
    key = group if split.by == "group" else json.dumps(row.fields, sort_keys=True)
    position = hash_position(f"{split.seed}:{key}")
    if position < split.train:
        return "train"
    return "validate" if position < split.train + split.validation else "test"


def hash_position(key: str) -> float:
    """Where a key falls in [0, 1), evenly and the same everywhere."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
