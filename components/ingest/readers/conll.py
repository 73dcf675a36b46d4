"""Reader of blocks in columns, as the CoNLL shared tasks have them: a token a line, UTF-8.

A blank line ends a sequence.  A row has a list for each column that ``columns`` names, and
``document``: the file's name and the number of the document within it, which begins at a line that
starts with ``-DOCSTART-`` (number 0: what stands before the first), so that ``group: document``
keeps documents together.  Those lines are passed over and counted.

    data: {path: conll2003, format: conll, columns: [word, pos, chunk, tag],
           tags: {column: tag, from: iob1, to: iob2}, split: {...}}
"""

from collections.abc import Iterator
from typing import BinaryIO

from pydantic import Field, field_validator, model_validator

from components.ingest.lines import Line, lines, name_in_data, named, shortened
from components.ingest.options import DataOptions
from components.ingest.rows import BadFile, Row
from components.ingest.tag_schemes import Scheme, TagError, convert
from models import options as base

PATTERNS = ("*.conll", "*.conll.gz", "*.iob", "*.iob.gz", "*.conllu", "*.conllu.gz")
DOCUMENT_START = "-DOCSTART-"
DOCUMENT = "document"
MAX_STEPS = 1_000_000
BETWEEN_DOCUMENTS = f"{DOCUMENT_START} line, which begins a document"


class Tags(base.Options):
    """Tags to be written in another scheme.

    Attributes:
        column: that holds them.
        given: (``from`` in the file) the scheme they have: ``iob1``, ``iob2`` or ``bioes``.
        wanted: (``to`` in the file) the scheme that rows have.
    """

    column: str
    given: Scheme = Field(alias="from")
    wanted: Scheme = Field("iob2", alias="to")


class Options(DataOptions):
    """Options of blocks in columns.

    Attributes:
        columns: their names, in order, one for each column of a line; or the position of each
            that is read, from 0, or from -1, the last, backwards.
        separator: what separates columns; any number of blanks or tabs if null.
        comment: lines that start with it are passed over; none if null.
        tags: a column of span tags, checked and written in another scheme.
    """

    columns: list[str] | dict[str, int] = Field(min_length=1)
    separator: str | None = Field(None, min_length=1)
    comment: str | None = Field(None, min_length=1)
    tags: Tags | None = None

    @field_validator("columns", mode="before")
    @classmethod
    def _names_or_places(cls, columns: object) -> object:
        if not isinstance(columns, list | dict):
            raise ValueError(
                f"{columns!r} came; the columns' names in order, or {{name: position}}, are read"
            )
        return columns

    @field_validator("columns")
    @classmethod
    def _names_differ(cls, columns: list[str] | dict[str, int]) -> list[str] | dict[str, int]:
        doubled = sorted({name for name in columns if list(columns).count(name) > 1})
        if doubled:
            raise ValueError(f"names {named(doubled)} twice; columns have names of their own")
        if DOCUMENT in columns or "" in columns:
            raise ValueError(
                f"names a column {DOCUMENT if DOCUMENT in columns else ''!r} (give it another "
                f"name; {DOCUMENT!r} is what the reader counts)"
            )
        return columns

    @model_validator(mode="after")
    def _tags_are_a_column(self) -> "Options":
        if self.tags is not None and self.tags.column not in self.columns:
            raise ValueError(
                f"tags.column is {self.tags.column!r}; the columns are {named(self.columns)}"
            )
        return self


def rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    """Yields a row for each block, at its first line.

    A line with another number of columns, or a tag that its scheme does not allow, makes the
    whole sequence a bad one.

    Raises:
        BadFile: a block never ends.
    """
    name, document = name_in_data(path, options), 0
    block: list[Line] = []
    for line in lines(stream):
        if options.comment is not None and line.text.startswith(options.comment):
            continue
        starts_document = line.text.startswith(DOCUMENT_START)
        if line.problem is not None or (line.text.strip() and not starts_document):
            if len(block) == MAX_STEPS:
                problem = (
                    f"a sequence has more than {MAX_STEPS:,} lines (is the blank line between "
                    "sequences missing?)"
                )
                raise BadFile(path, block[0].number, problem)
            block.append(line)
            continue
        if block:
            yield _row(block, f"{name}:{document}", options)
            block = []
        if starts_document:
            document += 1
            yield Row(line.number, {}, skipped=BETWEEN_DOCUMENTS)
    if block:
        yield _row(block, f"{name}:{document}", options)


def _row(block: list[Line], document: str, options: Options) -> Row:
    columns: dict[str, list[str]] = {name: [] for name in options.columns}
    for line in block:
        if line.problem is not None:
            return _bad(block, line, line.problem)
        cells = line.text.split(options.separator)
        problem = _misshapen(cells, options)
        if problem is not None:
            return _bad(block, line, problem)
        if isinstance(options.columns, dict):
            cells = [cells[place] for place in options.columns.values()]
        for values, cell in zip(columns.values(), cells, strict=True):
            values.append(cell)
    if options.tags is not None:
        tags = options.tags
        try:
            columns[tags.column] = convert(columns[tags.column], tags.given, tags.wanted)
        except TagError as error:
            return _bad(block, block[error.step], f"column {tags.column!r}: {error} (tags.from)")
    return Row(block[0].number, {**columns, DOCUMENT: document})


def _misshapen(cells: list[str], options: Options) -> str | None:
    columns = options.columns
    came = f"has {len(cells)} column{'s' * (len(cells) != 1)}"
    remedy = "is one missing, or the separator (data.separator) another?"
    if isinstance(columns, dict):
        needed = max(place + 1 if place >= 0 else -place for place in columns.values())
        if len(cells) >= needed:
            return None
        return f"{came}, but data.columns reads {needed}; {remedy}"
    if len(cells) == len(columns):
        return None
    return f"{came}, but data.columns names {len(columns)} ({', '.join(columns)}); {remedy}"


def _bad(block: list[Line], line: Line, problem: str) -> Row:
    came = shortened("\n".join(one.text if one.problem is None else one.came for one in block))
    return Row(block[0].number, {}, f"line {line.number}: {problem}", came=came)
