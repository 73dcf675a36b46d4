"""Reader of JSON documents, UTF-8: an array of objects, or one inside an object.

Records are decoded one by one; what the document holds beside them is passed over.  A row's line
is the record's number, since a document may be one line.  Nested lists and objects pass as they
are; ``fields`` names columns inside of them, ``chunk`` cuts a long text into rows.

    data: {path: calls.json.gz, format: json, records: result.calls,
           fields: {asr: "turns[].asr[][0]", acts: "turns[].acts|text(=)"}}
"""

from collections.abc import Iterator
from typing import BinaryIO

from pydantic import field_validator

from components.ingest.chunks import in_chunks
from components.ingest.field_paths import parse
from components.ingest.json_stream import JsonProblem, records
from components.ingest.nested import NestedOptions, numbered
from components.ingest.rows import BadFile, Row

PATTERNS = ("*.json", "*.json.gz")


class Options(NestedOptions):
    """Options of JSON documents.

    Attributes:
        records: path of the array of records, names with dots between them (one with a dot in it
            stands in double quotes); the document is the array if null.
    """

    records: str | None = None

    @field_validator("records")
    @classmethod
    def _names_alone(cls, records: str | None) -> str | None:
        if records is not None:
            _names(records)
        return records


def _names(path: str) -> list[str]:
    steps, separator = parse(path)
    names = [step.key for step in steps if isinstance(step.key, str) and not step.optional]
    if len(names) < len(steps) or separator is not None:
        raise ValueError(f"{path!r} came; names with dots between them are read, such as data.rows")
    return names


def rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    """Yields the records of the array, or their chunks.

    Raises:
        BadFile: the document has no such array, or is no valid JSON from a place on.
    """
    names = _names(options.records) if options.records else []
    try:
        found = numbered(records(stream, names), options, "as each record")
        yield from in_chunks(found, path, options, options.chunk)
    except JsonProblem as error:
        raise BadFile(path, None, str(error)) from error
