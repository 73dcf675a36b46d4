"""Chunks of text for language models: what is too long for a row, cut within its document.

A *stream* is what is cut: a file, a paragraph, or a record's column.  Its chunks begin every
``stride`` tokens (or characters) and are ``size`` long, but for the last, which ends where the
stream ends; nothing is left out, and no chunk holds only what the one before it holds.

With ``stride`` equal to the size, chunks do not overlap and a model is to predict every token of
them.  With a smaller one, a chunk is to predict its last ``stride`` tokens, since earlier chunks
predict the others: ``tokens: 51, stride: 1`` gives windows of 50 words and the next one.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from components.ingest.lines import name_in_data, named
from components.ingest.options import DataOptions
from components.ingest.rows import Row, Window
from models.options import Options
from models.raw import shown

STREAM, POSITION = "stream", "position"


class ChunkOptions(Options):
    """How streams are cut.

    Attributes:
        tokens: of a chunk; text is split into them at blanks.
        characters: of a chunk, in place of tokens.
        stride: tokens or characters between the starts of chunks; the chunk's size if null.
        rest: what is done with the end of a stream that is shorter than a chunk: ``keep`` makes a
            shorter chunk of it, ``drop`` leaves it out and counts it.
    """

    tokens: int | None = Field(None, ge=1, le=1_000_000)
    characters: int | None = Field(None, ge=1, le=10_000_000)
    stride: int | None = Field(None, ge=1)
    rest: Literal["keep", "drop"] = "keep"

    @model_validator(mode="after")
    def _one_size(self) -> "ChunkOptions":
        if (self.tokens is None) == (self.characters is None):
            raise ValueError("state tokens or characters, one of them")
        if self.stride is not None and self.stride > self.size:
            raise ValueError(
                f"stride is {self.stride}, and a chunk's size {self.size}; what lies between two "
                "chunks would be lost (a stride is the size at most)"
            )
        return self

    @property
    def size(self) -> int:
        """Tokens or characters of a chunk."""
        size = self.tokens or self.characters
        assert size is not None, "the validator let it pass"
        return size

    @property
    def step(self) -> int:
        """Tokens or characters between the starts of two chunks."""
        return self.stride or self.size


class ColumnChunkOptions(ChunkOptions):
    """How the text of a column is cut, each record's for itself.

    Attributes:
        column: its chunks take the place of its value: a list of tokens, or text.
    """

    column: str


class Piece(NamedTuple):
    """Part of a stream: the line it stands at, and its tokens (a list) or characters (text)."""

    line: int
    content: Sequence[Any]


class Chunk(NamedTuple):
    """A chunk: the line it starts at, its place in the stream, its content, and its number."""

    line: int
    start: int
    content: Sequence[Any]
    number: int

    @property
    def end(self) -> int:
        """The place in the stream after the last token."""
        return self.start + len(self.content)


def cut(pieces: Iterable[Piece], options: ChunkOptions) -> Iterator[Chunk]:
    """The chunks of a stream, of which little more than a chunk and a piece is held.

    Args:
        pieces: the stream's, in order, all of tokens or all of characters.
        options: sizes.
    """
    size, step = options.size, options.step
    held: Any = "" if options.characters else []
    marks: list[tuple[int, int]] = []  # Where in the stream each line starts.
    held_from = start = number = reached = 0
    line = 1
    for piece in pieces:
        if not piece.content:
            continue
        marks.append((held_from + len(held), piece.line))
        held += piece.content
        while start + size <= held_from + len(held):
            line, marks = _line_at(start, line, marks)
            first = start - held_from
            yield Chunk(line, start, held[first : first + size], number)
            reached = start + size
            start, number = start + step, number + 1
        if start > held_from:
            held = held[start - held_from :]
            held_from = start
    if held_from + len(held) > reached:
        line, marks = _line_at(start, line, marks)
        yield Chunk(line, start, held, number)


def _line_at(
    place: int, line: int, marks: list[tuple[int, int]]
) -> tuple[int, list[tuple[int, int]]]:
    """The line of a place in the stream, and the marks beyond it."""
    passed = 0
    while passed < len(marks) and marks[passed][0] <= place:
        line = marks[passed][1]
        passed += 1
    return line, marks[passed:] if passed else marks


def chunk_row(chunk: Chunk, stream: str, column: str, options: ChunkOptions) -> Row:
    """The row of a chunk.

    Args:
        chunk: the chunk.
        stream: name of its stream, unique in the data.
        column: that gets its content.
        options: sizes.
    """
    if len(chunk.content) < options.size and options.rest == "drop":
        unit = "tokens" if options.tokens else "characters"
        reason = f"the end of a stream, shorter than a chunk of {options.size} {unit}"
        return Row(chunk.line, {}, skipped=reason)
    targets = max(chunk.start, chunk.end - options.step)
    fields = {column: chunk.content, STREAM: stream, POSITION: chunk.number}
    return Row(chunk.line, fields, window=Window(stream, chunk.start, targets, chunk.end))


def in_chunks(
    rows: Iterable[Row], path: str, options: DataOptions, wanted: ColumnChunkOptions | None
) -> Iterator[Row]:
    """The rows, each cut into chunks of its column; a row keeps its other columns in all of them.

    Args:
        rows: of a part.
        path: the part.
        options: the reader's.
        wanted: how its records are cut; the rows stay as they are if None.
    """
    if wanted is None:
        return iter(rows)
    return _in_chunks(rows, name_in_data(path, options), wanted)


def _in_chunks(rows: Iterable[Row], name: str, wanted: ColumnChunkOptions) -> Iterator[Row]:
    for row in rows:
        if row.problem is not None or row.skipped is not None:
            yield row
        else:
            yield from _row_in_chunks(row, f"{name}:{row.line}", wanted)


def _row_in_chunks(row: Row, stream: str, options: ColumnChunkOptions) -> Iterator[Row]:
    column = options.column
    taken = [name for name in (STREAM, POSITION) if name in row.fields]
    if taken:
        problem = (
            f"has a column {taken[0]!r}, which chunks have (data.chunk); name it otherwise in "
            "the data"
        )
        yield Row(row.line, row.fields, problem)
        return
    if column not in row.fields:
        problem = f"has no column {column!r} (data.chunk.column); it has {named(row.fields)}"
        yield Row(row.line, row.fields, problem)
        return
    value = row.fields[column]
    content: Sequence[Any] | None = None
    if isinstance(value, str):
        content = value.split() if options.tokens else value
    elif isinstance(value, list) and options.tokens:
        content = value
    elif value is None:
        content = []
    if content is None:
        read = "text, or a list of tokens," if options.tokens else "text"
        problem = f"column {column!r} is {shown(value)}, where {read} is read (data.chunk)"
        yield Row(row.line, row.fields, problem)
        return
    if not content:
        yield Row(row.line, {}, skipped=f"its column {column!r} is empty and has no chunk")
    for chunk in cut([Piece(row.line, content)], options):
        cut_out = chunk_row(chunk, stream, column, options)
        yield cut_out._replace(fields={**row.fields, **cut_out.fields} if cut_out.fields else {})
