"""Reader of CSV files with a header (RFC 4180, any one-character delimiter, UTF-8)."""

import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from pydantic import Field

from components.ingest.options import DataOptions
from components.ingest.rows import MAX_FIELD_BYTES, BadFile, Row

PATTERNS = ("*.csv", "*.csv.gz", "*.tsv", "*.tsv.gz")


class Options(DataOptions):
    """Options of CSV files.

    Attributes:
        delimiter: what separates the fields.
    """

    delimiter: str = Field(",", min_length=1, max_length=1)


def rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    """Yields the records below the header; quoted fields may hold line ends.

    Raises:
        BadFile: the file is empty, or its header cannot be used.
    """
    csv.field_size_limit(MAX_FIELD_BYTES)
    # Bytes that are not UTF-8 pass as surrogates, so that only their row is bad, not the rest.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, delimiter=options.delimiter, strict=True)
    header = _header(reader, path)
    line = reader.line_num + 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            yield Row(line, {}, f"not valid CSV: {error}")
            line = reader.line_num + 1
            continue
        if fields is None:
            return
        if fields:
            yield Row(line, dict(zip(header, fields, strict=False)), _problem(fields, header))
        line = reader.line_num + 1


def _header(reader: Any, path: str) -> list[str]:
    """The first record that is not a blank line."""
    header: list[str] = []
    while not header:
        line = reader.line_num + 1
        try:
            header = next(reader)
        except StopIteration:
            problem = "the file is empty; a header with the column names is read first"
            raise BadFile(path, None, problem) from None
        except csv.Error as error:
            raise BadFile(path, line, f"the header is not valid CSV: {error}") from error
    if not all(map(_is_utf8, header)):
        problem = "the header holds bytes that are not UTF-8 (convert the file to UTF-8)"
        raise BadFile(path, line, problem)
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        names = ", ".join(map(repr, doubled))
        raise BadFile(path, line, f"the header names {names} twice (rename one)")
    return header


def _is_utf8(value: str) -> bool:
    return value.isascii() or not any("\udc80" <= character <= "\udcff" for character in value)


def _problem(fields: list[str], header: list[str]) -> str | None:
    if len(fields) != len(header):
        return (
            f"has {len(fields)} field{'s' * (len(fields) != 1)}, but the header names "
            f"{len(header)} ({', '.join(header)}); is a delimiter or a quote missing?"
        )
    for name, value in zip(header, fields, strict=True):
        if not _is_utf8(value):
            return f"field {name!r} holds bytes that are not UTF-8 (convert the file to UTF-8)"
    return None
