"""Rows as readers give them, their split, and their values by feature.

A reader is a module ``components/ingest/<format>.py`` with one function, ``rows(stream, path,
options)``, which yields a ``Row`` for each record of an open binary stream; it never raises for a
bad record but says in ``problem`` what is wrong with it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple, Protocol

from components.errors import DataError
from components.spec import (
    Column,
    DataOptions,
    IngestConfig,
    SplitByColumn,
    SplitByFiles,
)
from models.options import FLOAT32_MAX

MAX_FIELD_BYTES = 64 * 2**20
SHOWN_CHARACTERS = 60


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
    label: str
    values: dict[str, str | float]
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
    values = {name: _value(row.fields, column) for name, column in config.columns.items()}
    label = _text(row.fields, config.label)
    if not label:
        raise BadRow(f"column {config.label!r} is empty, and a row without label teaches nothing")
    if "\n" in label or "\r" in label:
        # Transform keeps a vocabulary's entries a line each and leaves such ones out.
        raise BadRow(
            f"column {config.label!r} is {_shown(label)}, and a label is one line (remove the line "
            "break; is it the right column?)"
        )
    group = None
    if config.data.group is not None:
        group = _text(row.fields, config.data.group)
        if not group:
            raise BadRow(f"column {config.data.group!r} (data.group) is empty")
    return Example(split_of(row, role, group, config.data), label, values, group)


def _text(fields: Mapping[str, Any], column: str) -> str:
    if column not in fields:
        raise BadRow(f"has no field {column!r}; its fields are {', '.join(map(repr, fields))}")
    value = fields[column]
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        text = str(value)
        if not _is_unicode(text):
            raise BadRow(
                f"field {column!r}: {_shown(text)} holds half of a surrogate pair, which is no "
                "character (write the text as UTF-8)"
            )
        return text
    raise BadRow(f"field {column!r}: a {type(value).__name__} came, where text is read")


def _value(fields: Mapping[str, Any], column: Column) -> str | float:
    raw = fields.get(column.column)
    absent = column.column not in fields or raw is None
    if column.raw_type == "string":
        if absent:
            if column.missing is None:
                raise BadRow(_absent(fields, column))
            return str(column.missing)
        text = _text(fields, column.column)
        if text or (column.missing is None and column.empty_is_a_value):
            return text
        if column.missing is None:
            raise BadRow(_absent(fields, column))
        return str(column.missing)
    if absent or raw == "":
        if column.missing is None:
            raise BadRow(_absent(fields, column))
        return float(column.missing)
    try:
        number = None if isinstance(raw, bool) else float(raw)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or not abs(number) <= FLOAT32_MAX:
        raise BadRow(
            f"field {column.column!r}: {_shown(raw)} came, where a finite number is read (up to "
            f"{FLOAT32_MAX:.1e} in size)"
        )
    return number


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= SHOWN_CHARACTERS else shown[:SHOWN_CHARACTERS] + "..."


def _absent(fields: Mapping[str, Any], column: Column) -> str:
    came = "is empty" if column.column in fields else "is absent"
    return f"field {column.column!r} {came} (give it a value, or set the feature's `missing:`)"


def split_of(row: Row, role: str, group: str | None, options: DataOptions) -> str:
    """The split that a row belongs to.

    Args:
        row: the row.
        role: the split that its file was given for (``all`` where rows decide).
        group: its group, if the data have one.
        options: the data options.

    Raises:
        BadRow: the split column names no split.
    """
    split = options.split
    if isinstance(split, SplitByColumn):
        came = _text(row.fields, split.column)
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
