"""Reader of one file per sequence: tables of numbers, or texts, in folders or zip archives.

    data: {path: walks, format: files, table: subjects.csv, key: file}

A row holds ``values`` ``[time]`` or, of several columns, ``[time][channels]`` (or, with
``content: text``, ``text``), ``file``, ``name``, ``folder`` and what the name or a table says
(``components.ingest.labelled_files``).  A file in memory at a time.
"""

import io
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO, ClassVar, Literal

from pydantic import Field, model_validator

from components.ingest.labelled_files import (
    LabelledFileOptions,
    labelled_rows,
    table_companions,
)
from components.ingest.lines import NOT_UTF8
from components.ingest.numbers import Column, NumberTableOptions, number
from components.ingest.records import column_names, delimiter_of, delimiter_remedy, records
from components.ingest.rows import BadFile, Row
from models.options import did_you_mean

PATTERNS = ("*.csv", "*.csv.gz", "*.tsv", "*.tsv.gz", "*.txt", "*.txt.gz", "*.zip")
ENDINGS = (".csv", ".tsv", ".txt")
companions = table_companions


class Options(NumberTableOptions, LabelledFileOptions):
    """Options of one file per sequence.

    Attributes:
        content: what a file holds, ``numbers`` (a step a line) or ``text``.
        values: its columns that are read; all if null.
    """

    own_fields: ClassVar[tuple[str, ...]] = (*LabelledFileOptions.own_fields, "values", "text")

    content: Literal["numbers", "text"] = "numbers"
    values: list[Column] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _text_has_no_columns(self) -> "Options":
        of_numbers = {"values", *NumberTableOptions.model_fields} - set(
            LabelledFileOptions.model_fields
        )
        stated = sorted(of_numbers & self.stated)
        if self.content == "text" and stated:
            raise ValueError(f"{stated[0]} is of content: numbers (take it out)")
        return self


def rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    """Yields the row of a file, or of each in an archive; a table of targets is none.

    Raises:
        BadFile: the archive, or the table, cannot be read.
    """
    if path in table_companions(path, options):
        yield Row(1, {}, skipped="the table of data.table itself")
        return

    def read(content: bytes, name: str) -> dict[str, Any]:
        if options.content == "numbers":
            return {"values": _values(content, name, options)}
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(NOT_UTF8) from error
        if not text.strip():
            raise ValueError("holds no text")
        return {"text": text}

    yield from labelled_rows(stream, path, options, ENDINGS, read)


def _values(content: bytes, name: str, options: Options) -> list[Any]:
    delimiter = delimiter_of(name, options.delimiter)
    try:
        read = records(io.BytesIO(content), name, delimiter)
        columns, first = column_names(read, name, options.header, options.columns)
    except BadFile as error:
        raise ValueError(error.problem) from error
    remedy = delimiter_remedy(first[0].cells if first else columns, options.decimal)
    if remedy:
        raise ValueError(f"the first line is one cell {remedy}")
    wanted = options.values or columns
    strange = [column for column in wanted if column not in columns]
    if strange:
        raise ValueError(
            f"no column {strange[0]!r} (data.values); the columns are "
            f"{', '.join(columns[:20])}{did_you_mean(strange[0], columns)}"
        )
    places = [(column, columns.index(column)) for column in wanted]
    steps: list[Any] = []
    for record in chain(first, read):
        problem = record.problem
        if problem is None and len(record.cells) != len(columns):
            problem = f"has {len(record.cells)} cells, where {len(columns)} columns are read"
        if problem is not None:
            raise ValueError(f"line {record.line}: {problem}")
        try:
            step = [
                number(record.cells[place], column, options.decimal, options.missing == "keep")
                for column, place in places
            ]
        except ValueError as error:
            raise ValueError(f"line {record.line}: {error}") from error
        steps.append(step[0] if len(step) == 1 else step)
    if not steps:
        raise ValueError("holds no step below its header")
    return steps
