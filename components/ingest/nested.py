"""What the readers of JSON share: columns from places inside nested records, and chunks."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import field_validator

from components.ingest import field_paths
from components.ingest.chunks import ColumnChunkOptions
from components.ingest.field_paths import FieldPath, PathError
from components.ingest.lines import shortened
from components.ingest.options import DataOptions
from components.ingest.rows import Row


class NestedOptions(DataOptions):
    """Options of records that hold lists and objects.

    Attributes:
        fields: new columns by name, each with the path of its value inside the record, such as
            ``dialogue[].asr[][0]``; see ``components.ingest.field_paths``.
        chunk: cuts the text (or list of tokens) of a column into rows; see
            ``components.ingest.chunks``.
    """

    fields: dict[str, str] = {}
    chunk: ColumnChunkOptions | None = None

    @field_validator("fields")
    @classmethod
    def _paths_are_read(cls, fields: dict[str, str]) -> dict[str, str]:
        for path in fields.values():
            field_paths.parse(path)
        return fields


def paths_of(options: NestedOptions) -> dict[str, FieldPath]:
    """The paths of the new columns, by name."""
    return {name: field_paths.parse(path) for name, path in options.fields.items()}


def record_row(
    number: int, record: Any, paths: dict[str, FieldPath], options: NestedOptions, place: str
) -> Row:
    """The row of a decoded record.

    Args:
        number: its line or number.
        record: any JSON value.
        paths: of the new columns.
        options: the options that they come from.
        place: where a record stands, for messages.
    """
    if not isinstance(record, dict) and not paths:
        came = type(record).__name__
        return Row(number, {}, f"a JSON {came} came, where an object is read {place}")
    if not paths:
        return Row(number, record)
    fields = dict(record) if isinstance(record, dict) else {}
    for name, path in paths.items():
        try:
            fields[name] = field_paths.look_up(record, path)
        except PathError as error:
            problem = f"data.fields.{name} ({options.fields[name]}): {error}"
        except RecursionError:
            problem = f"data.fields.{name}: lists in lists, too many to be read"
        else:
            continue
        return Row(number, {}, problem, came=_as_text(record))
    return Row(number, fields)


def _as_text(record: Any) -> str:
    try:
        return shortened(json.dumps(record, ensure_ascii=False))
    except RecursionError:
        return ""


def numbered(records: Iterator[Any], options: NestedOptions, place: str) -> Iterator[Row]:
    """The rows of decoded records, by their numbers from 1."""
    paths = paths_of(options)
    for number, record in enumerate(records, start=1):
        yield record_row(number, record, paths, options, place)
