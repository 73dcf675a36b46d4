"""Rows as readers give them, and their values by feature.

A reader is a module ``components/ingest/readers/<format>.py``, see ``components.ingest.readers``.
It never raises for a bad record but says in ``problem`` what is wrong with it, and in ``skipped``
why it passes over one that is no row (a comment, a line between documents).
"""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from components.errors import DataError
from components.ingest.assign import split_of
from components.ingest.times import time_number
from components.spec import IngestConfig
from models.raw import RawError, RawValue, column_text, column_value

MAX_FIELD_BYTES = 64 * 2**20


class Window(NamedTuple):
    """Where in a longer series (a stream, a document) a row was cut out, in its steps.

    Attributes:
        series: name of the series, unique in the data.
        start: first step that the row holds.
        targets: first step that the row is to predict.
        end: one beyond its last step.
    """

    series: str
    start: int
    targets: int
    end: int


class Row(NamedTuple):
    """A record: the line (or number, from 1) it starts at, its fields by name, or what is wrong.

    Attributes:
        line: where it stands in its part.
        fields: by column; values are JSON-like, or bytes.
        problem: why it cannot be used, and what to do; the run's ``on_bad_row`` decides.
        skipped: why it is passed over, which is no mistake; counted by this text.
        came: the record as it stood, for the quarantine file, where ``fields`` do not tell it.
        window: where it was cut out of something longer.
    """

    line: int
    fields: Mapping[str, Any]
    problem: str | None = None
    skipped: str | None = None
    came: str | None = None
    window: Window | None = None


class BadFile(DataError):
    """A file of which no row can be read; the message says where, why and what to do."""

    def __init__(self, path: str, line: int | None, problem: str):
        super().__init__(f"{path}:{line}: {problem}" if line else f"{path}: {problem}")
        self.line = line
        self.problem = problem


class BadRow(ValueError):
    """A row that cannot become an example; the message says why and what to do."""


class Example(NamedTuple):
    """What is kept of a row.

    Attributes:
        split: where it falls; None where the times of all rows decide.
        targets: what the task judges the row by, by name; none without a task.
        values: by feature.
        slices: text by column that metrics are told by.
        group: what it belongs together with, if the data have groups.
        id: its name, if the data have ids.
        time: when it was, if the data have times, in seconds or the column's unit.
        digest: of the features' raw values, equal for equal inputs.
    """

    split: str | None
    targets: dict[str, RawValue]
    values: dict[str, RawValue]
    slices: dict[str, str]
    group: str | None
    id: str | None
    time: float | None
    digest: bytes


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
    data = config.data
    try:
        values = {name: options.read(row.fields, name) for name, options in config.features.items()}
        targets = {}
        if config.task is not None:
            targets = config.task.read(row.fields)
            config.task.check_row(targets, values)
        slices = {column: column_text(row.fields, column) for column in config.slices}
        group = _named(row, data.group, "data.group")
        identity = _named(row, data.id, "data.id")
        when = None if data.time is None else time_of(row, data.time)
        digest = digest_of(values)
        keys = {"row": digest.hex(), "id": identity, "group": group}
        split = split_of(row.fields, role, keys, data.split)
    except RawError as error:
        raise BadRow(str(error)) from error
    return Example(split, targets, values, slices, group, identity, when, digest)


def _named(row: Row, column: str | None, field: str) -> str | None:
    if column is None:
        return None
    text = column_text(row.fields, column)
    if not text:
        raise BadRow(f"column {column!r} ({field}) is empty")
    return text


def time_of(row: Row, column: str) -> float:
    """When a row was: a number as it stands, an ISO 8601 date or time (UTC if it names no zone) in
    seconds since 1970.

    Raises:
        RawError: the column is absent or says no time.
    """
    return time_number(column_value(row.fields, column), column)


def digest_of(values: Mapping[str, RawValue]) -> bytes:
    """16 bytes that tell the features' values from all others."""
    # ascii() is the fastest that writes every value (text, numbers, bytes, lists) the same on all
    # versions of Python; each row pays for it.
    return hashlib.sha256(ascii(sorted(values.items())).encode("ascii")).digest()[:16]
