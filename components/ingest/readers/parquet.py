"""Reader of Parquet files: columns of text, numbers, bytes, lists of lists, and structs.

Row groups are read one after another, a batch of rows at a time.  The format is read from its end,
so that a packed file (``.gz``) is unpacked into memory as a whole.  Lists are lists, structs are
objects, maps are lists of pairs; dates, times and timestamps are ISO 8601 text, a decimal is text
that keeps its digits, a duration is seconds, null is a missing value.  A row's line is its number
in the file.

A file that was cut off says so.  Parquet has no checksums that its writers use, and pyarrow 10 was
seen to end the process at 3 of 1,000 files with one byte changed; copy files with what compares
them.

    data: {path: calls.parquet, format: parquet, columns: [words, tags, speaker]}
"""

import io
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from pydantic import Field

from components.ingest.chunks import ColumnChunkOptions, in_chunks
from components.ingest.lines import named
from components.ingest.options import DataOptions
from components.ingest.rows import BadFile, Row

PATTERNS = ("*.parquet", "*.parquet.gz")
BATCH_ROWS = 1024


class Options(DataOptions):
    """Options of Parquet files.

    Attributes:
        columns: those that are read; all if null.
        chunk: cuts the text (or list of tokens) of a column into rows; see
            ``components.ingest.chunks``.
    """

    columns: list[str] | None = Field(None, min_length=1)
    chunk: ColumnChunkOptions | None = None


def rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    """Yields the rows, or their chunks.

    Raises:
        BadFile: the file is no Parquet file, is damaged, or a column has a type that is not read.
    """
    return in_chunks(_rows(stream, path, options), path, options, options.chunk)


def _rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        packed = path.endswith(".gz")
        file = pyarrow.parquet.ParquetFile(io.BytesIO(stream.read()) if packed else stream)
        wanted = _wanted(file.schema_arrow, path, options)
        readings = [_column(file.schema_arrow.field(name), path) for name in wanted]
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=wanted):
            columns = [
                reading(column.to_pylist()) for reading, column in zip(readings, batch, strict=True)
            ]
            for values in zip(*columns, strict=True):
                number += 1
                yield Row(number, dict(zip(wanted, values, strict=True)))
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())
        problem = f"cannot be read as Parquet (is it whole, and a Parquet file?): {reason}"
        raise BadFile(path, number or None, problem) from error


def _wanted(schema: Any, path: str, options: Options) -> list[str]:
    doubled = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if doubled:
        raise BadFile(path, None, f"the file names the columns {named(doubled)} twice (rename one)")
    absent = [name for name in options.columns or [] if name not in schema.names]
    if absent:
        problem = f"no column {absent[0]!r} (data.columns); the columns are {named(schema.names)}"
        raise BadFile(path, None, problem)
    return options.columns or schema.names


def _column(field: Any, path: str) -> Callable[[list[Any]], list[Any]]:
    """What makes JSON-like values of a column's Python values.

    Raises:
        BadFile: its type is not read.
    """
    try:
        convert = _conversion(field.type)
    except TypeError as error:
        problem = (
            f"column {field.name!r} has the type {field.type}, of which {error} is not read (write "
            "it as text, numbers, bytes, lists or structs, or leave it out: data.columns)"
        )
        raise BadFile(path, None, problem) from error
    return _every(convert) if convert else list


def _every(convert: Callable[[Any], Any]) -> Callable[[list[Any]], list[Any]]:
    return lambda values: [None if value is None else convert(value) for value in values]


def _conversion(kind: Any) -> Callable[[Any], Any] | None:
    """What makes a JSON-like value of a Python value of a type; None if it is one already.

    Raises:
        TypeError: the type, which the message names, is not read.
    """
    from pyarrow import types

    if types.is_dictionary(kind):
        return _conversion(kind.value_type)
    if types.is_float16(kind):
        return float
    simple = (types.is_boolean, types.is_integer, types.is_floating, types.is_string)
    others = (types.is_large_string, types.is_binary, types.is_large_binary, types.is_null)
    if any(is_one(kind) for is_one in (*simple, *others, types.is_fixed_size_binary)):
        return None
    if types.is_timestamp(kind) or types.is_date(kind) or types.is_time(kind):
        return lambda value: value.isoformat()
    if types.is_decimal(kind):
        return str
    if types.is_duration(kind):
        return lambda value: value.total_seconds()
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        inner = _conversion(kind.value_type)
        return _every(inner) if inner else None
    if types.is_map(kind):
        key, item = _pass(_conversion(kind.key_type)), _pass(_conversion(kind.item_type))
        return lambda pairs: [[key(name), item(value)] for name, value in pairs]
    if types.is_struct(kind):
        members = {part.name: _pass(_conversion(part.type)) for part in kind}
        return lambda value: {name: members[name](part) for name, part in value.items()}
    raise TypeError(str(kind))


def _pass(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    """A conversion that leaves null alone."""
    return lambda value: value if value is None or convert is None else convert(value)
