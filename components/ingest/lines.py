"""The lines of text files, as the readers of text, records and tags share them.

A line ends with ``\\n`` or ``\\r\\n``, also where a file mixes them; a mark at the file's start
that names its byte order is no part of the first line.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from components.ingest.options import DataOptions
from components.ingest.rows import MAX_FIELD_BYTES

BOM = b"\xef\xbb\xbf"
KEPT_CHARACTERS = 4_000
"""Of a bad record, in its row's ``came``."""
NOT_UTF8 = "holds bytes that are not UTF-8 (convert the file to UTF-8)"
HOLDS_NUL = (
    "holds a NUL byte (is the file UTF-16, or binary? convert it to UTF-8; else take the byte out)"
)
TOO_LONG = (
    f"holds a line of more than {MAX_FIELD_BYTES // 2**20} MiB (is the file one of lines? a record "
    "that large is none to learn from)"
)
WILDCARDS = frozenset("*?[")


class Line(NamedTuple):
    """A line: its number from 1, its text without the end, whether it has one, or what is wrong.

    ``came`` is the start of a line with a problem, as far as it is text.
    """

    number: int
    text: str
    ended: bool = True
    problem: str | None = None
    came: str | None = None


def lines(stream: BinaryIO) -> Iterator[Line]:
    """The lines of a UTF-8 stream; one of more than 64 MiB, or not UTF-8, is one with a problem."""
    number = 0
    while content := stream.readline(MAX_FIELD_BYTES + 1):
        number += 1
        if len(content) > MAX_FIELD_BYTES and not content.endswith(b"\n"):
            _pass_over_line(stream)
            yield Line(number, "", True, TOO_LONG, shortened(content))
            continue
        if number == 1:
            content = content.removeprefix(BOM)
        ended = content.endswith(b"\n")
        if ended:
            content = content[: -2 if content.endswith(b"\r\n") else -1]
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            yield Line(number, "", ended, NOT_UTF8, shortened(content))
            continue
        if "\0" in text:
            yield Line(number, "", ended, HOLDS_NUL, shortened(text))
        else:
            yield Line(number, text, ended)


def _pass_over_line(stream: BinaryIO) -> None:
    while content := stream.readline(2**20):
        if content.endswith(b"\n"):
            return


def shortened(came: str | bytes) -> str:
    """The start of a bad record, to be kept with the reason."""
    came = came[:KEPT_CHARACTERS]
    return came if isinstance(came, str) else came.decode("utf-8", "backslashreplace")


def name_in_data(path: str, options: DataOptions) -> str:
    """A file's name that no other file of the data has, the same on every machine.

    That is its path below the folder that ``data.path`` names (the part before the first wildcard),
    without ``.gz``; its own name if it is not below it.
    """
    base = options.path.rstrip("/")
    while base and not WILDCARDS.isdisjoint(base):
        base = os.path.dirname(base)
    below = path.removeprefix(base + "/") if base else path
    return (os.path.basename(path) if below in (path, "") else below).removesuffix(".gz")


def named(items: Iterable[Any]) -> str:
    """``'a', 'b'`` for messages."""
    return ", ".join(map(repr, items))
