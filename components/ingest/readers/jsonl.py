"""Reader of JSON Lines: one object a line, UTF-8."""

import json
import sys
from collections.abc import Iterator
from typing import BinaryIO

from components.ingest.options import DataOptions
from components.ingest.rows import Row

PATTERNS = ("*.jsonl", "*.jsonl.gz", "*.ndjson", "*.ndjson.gz")


def rows(stream: BinaryIO, path: str, options: DataOptions) -> Iterator[Row]:
    """Yields the object of each line that is not blank."""
    for line, content in enumerate(stream, start=1):
        if line == 1:
            content = content.removeprefix(b"\xef\xbb\xbf")
        if not content.strip():
            continue
        try:
            fields = json.loads(content.decode("utf-8"))
        except UnicodeDecodeError:
            yield Row(line, {}, "holds bytes that are not UTF-8 (convert the file to UTF-8)")
            continue
        except (json.JSONDecodeError, RecursionError) as error:
            yield Row(line, {}, f"not valid JSON: {error}")
            continue
        except ValueError:
            digits = sys.get_int_max_str_digits()
            yield Row(line, {}, f"not valid JSON: a number has more than {digits} digits")
            continue
        if not isinstance(fields, dict):
            came = type(fields).__name__
            yield Row(line, {}, f"a JSON {came} came, where an object is read on each line")
            continue
        yield Row(line, fields)
