"""Reader of plain text, UTF-8: lines, paragraphs or whole files, or chunks of them.

A row has ``text``: a ``line``, a ``paragraph`` (lines between blank ones) or a ``document`` (a
file, which is then held as a whole).  With ``chunk``, each of these is a stream that is cut (see
``components.ingest.chunks``), a file without being held; a row has ``text`` (``characters:``) or a
list of ``tokens``, the name of its ``stream`` and its ``position``, the number of the chunk in it.

    data: {path: ptb, format: text, unit: document, chunk: {tokens: 35}, line_end: <eos>, ...}
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Literal

from pydantic import Field, model_validator

from components.ingest.chunks import ChunkOptions, Piece, chunk_row, cut
from components.ingest.lines import Line, lines, name_in_data
from components.ingest.options import DataOptions
from components.ingest.rows import MAX_FIELD_BYTES, BadFile, Row

PATTERNS = ("*.txt", "*.txt.gz")
TEXT, TOKENS = "text", "tokens"


class Options(DataOptions):
    """Options of plain text.

    Attributes:
        unit: what a row's text is, or what is cut: a ``line``, a ``paragraph`` or a ``document``.
        chunk: how it is cut; each is one row if null.
        line_end: a token that stands for the end of each line, where chunks count tokens.
    """

    unit: Literal["line", "paragraph", "document"] = "line"
    chunk: ChunkOptions | None = None
    line_end: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _line_end_is_a_token(self) -> "Options":
        if self.line_end is None:
            return self
        if self.chunk is None or self.chunk.tokens is None:
            raise ValueError("line_end is a token; it needs chunk: {tokens: ...}")
        if self.line_end.split() != [self.line_end]:
            raise ValueError(f"line_end is {self.line_end!r}; a token has no blanks")
        return self


def rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    """Yields the units or their chunks; a unit that holds nothing but blanks is passed over.

    A line that is not UTF-8 is a bad row and left out of what it stands in.

    Raises:
        BadFile: a paragraph, or a document that is not cut, has more than 64 MiB.
    """
    given = lines(stream)
    name = name_in_data(path, options)
    if options.unit == "document" and options.chunk is not None:
        yield from _document_in_chunks(given, name, options, options.chunk)
        return
    unit: list[Line] = []
    size = 0
    for line in given:
        if line.problem is not None:
            yield Row(line.number, {}, line.problem, came=line.came)
        elif line.text.strip() or options.unit == "document":
            unit.append(line)
            size += len(line.text) + 1
            if size > MAX_FIELD_BYTES:
                limit = MAX_FIELD_BYTES // 2**20
                problem = f"the {options.unit} has more than {limit} MiB (cut it: data.chunk)"
                raise BadFile(path, unit[0].number, problem)
            if options.unit != "line":
                continue
        if unit and options.unit != "document":
            yield from _unit_rows(unit, name, options)
            unit, size = [], 0
    yield from _unit_rows(unit, name, options)


def _unit_rows(unit: list[Line], name: str, options: Options) -> Iterator[Row]:
    text = "\n".join(line.text for line in unit).rstrip("\n")
    if not text.strip():
        return
    if options.chunk is None:
        yield Row(unit[0].number, {TEXT: text})
        return
    unit = [*unit[:-1], unit[-1]._replace(ended=False)]
    stream = f"{name}:{unit[0].number}"
    yield from _in_chunks(_pieces(unit, options), stream, options.chunk)


def _document_in_chunks(
    given: Iterator[Line], name: str, options: Options, chunk: ChunkOptions
) -> Iterator[Row]:
    """The chunks of a file, and its bad lines between them."""
    bad: list[Row] = []

    def good() -> Iterator[Line]:
        for line in given:
            if line.problem is None:
                yield line
            else:
                bad.append(Row(line.number, {}, line.problem, came=line.came))

    for row in _in_chunks(_pieces(good(), options), name, chunk):
        yield from bad
        bad.clear()
        yield row
    yield from bad


def _pieces(unit: Iterable[Line], options: Options) -> Iterator[Piece]:
    assert options.chunk is not None
    end = [] if options.line_end is None else [options.line_end]
    for line in unit:
        if options.chunk.tokens:
            yield Piece(line.number, line.text.split() + end)
        else:
            yield Piece(line.number, line.text + "\n" * line.ended)


def _in_chunks(pieces: Iterator[Piece], stream: str, options: ChunkOptions) -> Iterator[Row]:
    column = TOKENS if options.tokens else TEXT
    for chunk in cut(pieces, options):
        yield chunk_row(chunk, stream, column, options)
