"""Reader of JSON Lines: one object a line, UTF-8; nested lists and objects pass as they are.

``fields`` names columns inside of them, ``chunk`` cuts a long text into rows:

    data: {path: dialogs.jsonl, format: jsonl, fields: {words: "turns[].words"}}
"""

import json
import sys
from collections.abc import Iterator
from typing import BinaryIO

from components.ingest.chunks import in_chunks
from components.ingest.lines import lines, shortened
from components.ingest.nested import NestedOptions, paths_of, record_row
from components.ingest.rows import Row

PATTERNS = ("*.jsonl", "*.jsonl.gz", "*.ndjson", "*.ndjson.gz")


class Options(NestedOptions):
    """Options of JSON Lines: those of records that hold lists and objects."""


def rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    """Yields the object of each line that is not blank, or its chunks."""
    return in_chunks(_objects(stream, options), path, options, options.chunk)


def _objects(stream: BinaryIO, options: Options) -> Iterator[Row]:
    paths = paths_of(options)
    for line in lines(stream):
        if line.problem is not None:
            yield Row(line.number, {}, line.problem, came=line.came)
            continue
        if not line.text.strip():
            continue
        try:
            record = json.loads(line.text)
        except (json.JSONDecodeError, RecursionError) as error:
            problem = f"not valid JSON: {error}"
        except ValueError:
            digits = sys.get_int_max_str_digits()
            problem = f"not valid JSON: a number has more than {digits} digits"
        else:
            row = record_row(line.number, record, paths, options, "on each line")
            yield row if row.problem is None else row._replace(came=shortened(line.text))
            continue
        yield Row(line.number, {}, problem, came=shortened(line.text))
