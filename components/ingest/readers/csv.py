"""Reader of CSV and TSV files (RFC 4180, any one-character delimiter), with or without a header.

Quoted fields may hold line ends; lines may end in any way.  Every value is text, so that a number
with a comma is what its feature makes of it.  ``chunk`` cuts a column's long text into rows.

    data: {path: reviews.tsv.gz, format: csv, columns: [id, text, label], quote: null}
"""

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, TextIO

from pydantic import Field, field_validator, model_validator

from components.ingest.chunks import ColumnChunkOptions, in_chunks
from components.ingest.lines import KEPT_CHARACTERS, TOO_LONG, named, shortened
from components.ingest.options import DataOptions
from components.ingest.rows import MAX_FIELD_BYTES, BadFile, Row

PATTERNS = ("*.csv", "*.csv.gz", "*.tsv", "*.tsv.gz")
DELIMITERS = ",;\t|"
"""Those that files have, for a guess at what is wrong."""
REMEDY = "convert the file to UTF-8, or set data.encoding to what it has"
HOLDS_NUL = "holds a NUL byte (is the file UTF-16? then set data.encoding; else take the byte out)"

UNCLOSED = "unexpected end of data"
"""What the csv module says at the end of a file within quotes."""


class Options(DataOptions):
    """Options of CSV files.

    Attributes:
        delimiter: what separates the fields; if null, a tab in files named ``.tsv``, else a comma.
        columns: their names, of a file without a header.
        header: whether the first record names the columns; if null, it does where ``columns`` does
            not.  With ``columns``, true passes over a header, whose names are not used.
        quote: the character around fields that hold delimiters or line ends; none does if null.
        encoding: of the text, as Python names it.
        nulls: fields that stand for a missing value, such as ``NULL``.
        chunk: cuts the text of a column into rows; see ``components.ingest.chunks``.
    """

    delimiter: str | None = Field(None, min_length=1, max_length=1)
    columns: list[str] | None = Field(None, min_length=1)
    header: bool | None = None
    quote: str | None = Field('"', min_length=1, max_length=1)
    encoding: str = "utf-8"
    nulls: list[str] = []
    chunk: ColumnChunkOptions | None = None

    @field_validator("delimiter", "quote")
    @classmethod
    def _no_line_end(cls, character: str | None) -> str | None:
        if character in ("\n", "\r", "\0"):
            raise ValueError(f"{character!r} came; lines end with it (state another character)")
        return character

    @field_validator("encoding")
    @classmethod
    def _text_encoding(cls, encoding: str) -> str:
        try:
            io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        except (LookupError, ValueError) as error:
            raise ValueError(
                f"{encoding!r} came; an encoding is read, such as utf-8, latin-1, cp1252 or utf-16"
            ) from error
        return encoding

    @model_validator(mode="after")
    def _columns_have_names(self) -> "Options":
        if self.header is False and self.columns is None:
            raise ValueError("header: false needs columns: [their, names]")
        doubled = _doubled(self.columns or [])
        if doubled:
            raise ValueError(f"columns names {named(doubled)} twice; each has a name of its own")
        if self.quote is not None and self.quote == self.delimiter:
            raise ValueError(f"quote and delimiter are both {self.quote!r}")
        return self


def rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    """Yields the records, or their chunks.

    Raises:
        BadFile: the file is empty, its header cannot be used, or its bytes are none of its
            encoding.
    """
    return in_chunks(_records(stream, path, options), path, options, options.chunk)


class _Kept:
    """The lines of a text, and what of them the record that is being read has come to.

    A line that is too long to be one is a ``csv.Error``, and the next one is read after it.
    """

    def __init__(self, text: TextIO):
        self._read_line = text.readline
        self.came = ""
        self.passed_over = 0

    def __iter__(self) -> "_Kept":
        return self

    def __next__(self) -> str:
        line = self._read_line(MAX_FIELD_BYTES + 1)
        if not line:
            raise StopIteration
        if len(line) > MAX_FIELD_BYTES:
            self.came += line[:KEPT_CHARACTERS]
            while line and not line.endswith(("\n", "\r")):
                line = self._read_line(2**20)
            self.passed_over += 1  # The reader counts only lines that it was given.
            raise csv.Error(TOO_LONG)
        if len(self.came) < KEPT_CHARACTERS:
            self.came += line[:KEPT_CHARACTERS]
        return line


def _records(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    csv.field_size_limit(MAX_FIELD_BYTES)
    is_utf8 = codecs.lookup(options.encoding).name == "utf-8"
    # Bytes of another encoding pass as surrogates, so that only their row is bad, not the rest.
    text = io.TextIOWrapper(
        stream,
        encoding="utf-8-sig" if is_utf8 else options.encoding,
        errors="surrogateescape",
        newline="",
    )
    try:
        yield from _rows_of(text, path, options)
    except UnicodeError as error:
        problem = f"holds bytes that are not {options.encoding}: {error} (data.encoding)"
        raise BadFile(path, None, problem) from error
    finally:
        text.detach()


def _rows_of(text: TextIO, path: str, options: Options) -> Iterator[Row]:
    kept = _Kept(text)
    tabs = path.removesuffix(".gz").endswith(".tsv")
    reader: Any = csv.reader(
        kept,
        delimiter=options.delimiter or ("\t" if tabs else ","),
        quotechar=options.quote,
        quoting=csv.QUOTE_MINIMAL if options.quote else csv.QUOTE_NONE,
        strict=True,
    )
    header = options.columns
    if header is None or options.header:
        given = _header(reader, path, options)
        header = header or _names(given, reader, path, options)
    nulls = frozenset(options.nulls)
    while True:
        line = reader.line_num + kept.passed_over + 1
        kept.came = ""
        try:
            fields = next(reader, None)
        except csv.Error as error:
            if str(error) == UNCLOSED:
                problem = (
                    "a quote that opens in this record is never closed, so that nothing after it "
                    "can be read (close it, write it twice, or set data.quote: null)"
                )
                raise BadFile(path, line, problem) from error
            yield Row(line, {}, f"not valid CSV: {error}", came=shortened(_shown(kept.came)))
            continue
        if fields is None:
            return
        if not fields:
            continue
        problem = _problem(fields, header, options)
        if problem is not None:
            came = shortened(_shown(kept.came))
            yield Row(line, dict(zip(header, fields, strict=False)), problem, came=came)
            continue
        if not nulls.isdisjoint(fields):
            fields = [None if field in nulls else field for field in fields]
        yield Row(line, dict(zip(header, fields, strict=True)))


def _header(reader: Any, path: str, options: Options) -> list[str]:
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
    return header


def _names(header: list[str], reader: Any, path: str, options: Options) -> list[str]:
    """A header that names columns."""
    line = reader.line_num
    if not all(map(_is_decoded, header)):
        problem = f"the header holds bytes that are not {_encoding(options)}"
        raise BadFile(path, line, f"{problem} ({REMEDY})")
    if any("\0" in name for name in header):
        raise BadFile(path, line, f"the header {HOLDS_NUL}")
    doubled = _doubled(header)
    if doubled:
        raise BadFile(path, line, f"the header names {named(doubled)} twice (rename one)")
    others = [character for character in DELIMITERS if character in header[0]]
    if len(header) == 1 and others:
        problem = (
            f"the header is one field, {header[0]!r}, with {others[0]!r} in it (write "
            f"data.delimiter: {others[0]!r}; if it is one name, header: true and columns: [NAME])"
        )
        raise BadFile(path, line, problem)
    return header


def _doubled(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _is_decoded(value: str) -> bool:
    return value.isascii() or not any("\udc80" <= character <= "\udcff" for character in value)


def _encoding(options: Options) -> str:
    return "UTF-8" if options.encoding.lower() == "utf-8" else options.encoding


def _shown(text: str) -> str:
    """Text whose undecoded bytes can be written again."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _problem(fields: list[str], header: list[str], options: Options) -> str | None:
    if len(fields) != len(header):
        source = "the header" if options.columns is None else "data.columns"
        return (
            f"has {len(fields)} field{'s' * (len(fields) != 1)}, but {source} names "
            f"{len(header)} ({', '.join(header)}); is a delimiter or a quote missing?"
        )
    joined = "".join(fields)
    if joined.isascii() and "\0" not in joined:
        return None
    for name, value in zip(header, fields, strict=True):
        if not _is_decoded(value):
            came = f"holds bytes that are not {_encoding(options)}"
            return f"field {name!r} {came} ({REMEDY})"
        if "\0" in value:
            return f"field {name!r} {HOLDS_NUL}"
    return None
