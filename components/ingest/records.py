"""Records of delimited text: cells that nothing has read yet, of any number a record.

For readers whose lines need not be as long as a header says; ``readers/csv.py`` reads tables.
"""

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, TextIO

from components.ingest.lines import HOLDS_NUL, KEPT_CHARACTERS, NOT_UTF8, TOO_LONG
from components.ingest.rows import MAX_FIELD_BYTES, BadFile

BLANKS = "blanks"
"""In place of a delimiter: runs of blanks and tabs separate the cells."""


class Record(NamedTuple):
    """The line a record starts at (from 1), its cells, or what is wrong with it."""

    line: int
    cells: list[str]
    problem: str | None = None


def delimiter_problem(delimiter: str) -> str | None:
    """What is wrong with a delimiter that an experiment states, or None."""
    if delimiter == BLANKS or (len(delimiter) == 1 and delimiter not in '\n\r\0"'):
        return None
    return f"{delimiter!r} came; one character (such as ; or a tab), or {BLANKS}"


def delimiter_of(path: str, delimiter: str | None) -> str:
    """The delimiter of a file: the one stated, else a tab where its name says so, else a comma."""
    return delimiter or ("\t" if path.removesuffix(".gz").endswith(".tsv") else ",")


def records(stream: BinaryIO, path: str, delimiter: str) -> Iterator[Record]:
    """Yields the records of a UTF-8 stream that are not blank; quoted cells may hold line ends.

    Raises:
        BadFile: a line is too long to be one.
    """
    csv.field_size_limit(MAX_FIELD_BYTES)
    # Bytes that are not UTF-8 pass as surrogates, so that only their record is bad, not the rest.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        cut = _by_blanks(text, path) if delimiter == BLANKS else _by_one(text, path, delimiter)
        for line, cells, problem in cut:
            if problem is None and any(cells):
                yield Record(line, cells, _text_problem(cells))
            elif problem is not None:
                yield Record(line, cells, problem)
    finally:
        if not stream.closed:
            text.detach()


def came(record: Record, delimiter: str) -> str:
    """A record as it stood, shortened, as text that can be written."""
    text = (" " if delimiter == BLANKS else delimiter).join(record.cells)[:KEPT_CHARACTERS]
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def delimiter_remedy(cells: list[str], decimal: str) -> str | None:
    """What is said of a record of one cell that another delimiter would cut, or None."""
    if len(cells) != 1:
        return None
    for character in ",;\t|":
        if character in cells[0] and character != decimal:
            return f"with {character!r} in it (write delimiter: {character!r})"
    parts = cells[0].split()
    if len(parts) > 1 and all(set(part) <= set("0123456789+-.,eE") for part in parts):
        return f"with blanks in it (write delimiter: {BLANKS})"
    return None


def _lines(text: TextIO, path: str) -> Iterator[str]:
    while line := text.readline(MAX_FIELD_BYTES + 1):
        if len(line) > MAX_FIELD_BYTES:
            raise BadFile(path, None, TOO_LONG)
        yield line


def _by_blanks(text: TextIO, path: str) -> Iterator[Record]:
    for number, line in enumerate(_lines(text, path), start=1):
        yield Record(number, line.split())


def _by_one(text: TextIO, path: str, delimiter: str) -> Iterator[Record]:
    reader = csv.reader(_lines(text, path), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Record(line, [], f"not valid CSV: {error}")
            continue
        if cells is None:
            return
        yield Record(line, cells)


def _text_problem(cells: list[str]) -> str | None:
    for number, cell in enumerate(cells, start=1):
        if not cell.isascii() and any("\udc80" <= character <= "\udcff" for character in cell):
            return f"cell {number} {NOT_UTF8}"
        if "\0" in cell:
            return f"cell {number} {HOLDS_NUL}"
    return None


def column_names(
    read: Iterator[Record], path: str, header: bool | None, names: list[str] | None
) -> tuple[list[str], list[Record]]:
    """The names of the columns, and the records that were read to know them.

    Args:
        read: the records of a file, from its first on.
        path: of the file, for messages.
        header: whether the first record names them; if None, it does where ``names`` do not, and
            is no row of numbers.
        names: what they are called whatever the header says; by their number from 1 if there is
            neither.

    Raises:
        BadFile: the file is empty, or its header cannot be used.
    """
    first = next(read, None)
    if first is None:
        raise BadFile(path, None, "the file is empty")
    if first.problem and (header or names is None):
        raise BadFile(path, first.line, f"the first line cannot be read: {first.problem}")
    if header is False or (header is None and names):
        return names or [str(number + 1) for number in range(len(first.cells))], [first]
    if names:
        return names, []
    given = [cell.strip() for cell in first.cells]
    if header is None and all(map(_is_number, given)):
        problem = "the first line holds numbers, where a header names the columns"
        raise BadFile(path, first.line, f"{problem} (write header: false; or true, if it does)")
    doubled = sorted({name for name in given if given.count(name) > 1})
    if doubled:
        shown = ", ".join(map(repr, doubled))
        raise BadFile(path, first.line, f"the header names {shown} twice (rename one)")
    return given, []
