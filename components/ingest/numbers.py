"""Numbers in the cells of a table, and what is said of cells that hold none."""

from math import isfinite
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from components.ingest.options import DataOptions
from components.ingest.records import delimiter_problem
from models.raw import FLOAT32_MAX, shown

Column = Annotated[str, BeforeValidator(lambda name: str(name) if type(name) is int else name)]
"""A column's name, or its number from 1 where it has none."""

MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?", "-"))
"""What cells without a number hold, in small letters."""


class NumberTableOptions(DataOptions):
    """Options of files that hold tables of numbers.

    Attributes:
        delimiter: what separates the cells: one character, or ``blanks`` (runs of blanks and
            tabs); if null, a tab in files named ``.tsv``, else a comma.
        header: whether the first line names the columns; if null, it does where ``columns`` does
            not.  Columns without a name are called by their number, from 1.
        columns: their names, of a file without a header.
        decimal: the decimal mark, ``.`` or ``,``.
        missing: what is done with a cell that holds no number (empty, NA, NaN, null, ?): ``fail``
            makes it a problem, ``keep`` a missing value (null), which only features with
            ``missing: mask`` read.
    """

    delimiter: str | None = None
    header: bool | None = None
    columns: list[Column] | None = Field(None, min_length=1)
    decimal: Literal[".", ","] = "."
    missing: Literal["fail", "keep"] = "fail"

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str | None) -> str | None:
        problem = None if delimiter is None else delimiter_problem(delimiter)
        if problem:
            raise ValueError(problem)
        return delimiter

    @model_validator(mode="after")
    def _columns_differ(self) -> "NumberTableOptions":
        doubled = sorted({name for name in self.columns or () if self.columns.count(name) > 1})
        if doubled:
            raise ValueError(f"columns names {doubled[0]!r} twice; each has a name of its own")
        if self.decimal == "," and self.delimiter in (None, ","):
            raise ValueError(
                "decimal: ',' needs a delimiter that is no comma (delimiter: ';', for example)"
            )
        return self

    @property
    def stated(self) -> set[str]:
        """The options that have another value than their default."""
        return {
            name
            for name, field in type(self).model_fields.items()
            if field.is_required()
            or getattr(self, name) != field.get_default(call_default_factory=True)
        }

    @property
    def has_header(self) -> bool:
        """Whether the first line names the columns."""
        return self.columns is None if self.header is None else self.header


def number(text: str, column: str, decimal: str, keep_missing: bool) -> float | None:
    """The number that a cell holds; None if it is missing and that is kept.

    Args:
        text: the cell.
        column: its column, for messages.
        decimal: the decimal mark, ``.`` or ``,``.
        keep_missing: whether a cell may hold no number.

    Raises:
        ValueError: it holds none, or one that is not finite or beyond float32.
    """
    try:
        value = float(text if decimal == "." else _with_point(text))
    except ValueError:
        value = None
    if value is not None and -FLOAT32_MAX <= value <= FLOAT32_MAX and "_" not in text:
        return value
    if text.strip().lower() in MISSING:
        if keep_missing:
            return None
        raise ValueError(
            f"column {column!r} is {shown(text)}, where a number is read (missing: keep reads it "
            "as a missing one)"
        )
    raise ValueError(f"column {column!r} is {shown(text)}, {_remedy(text, value, decimal)}")


def _with_point(text: str) -> str:
    if "." in text:
        raise ValueError
    return text.replace(",", ".")


def _remedy(text: str, value: float | None, decimal: Literal[".", ","] | str) -> str:
    if value is not None and not isfinite(value):
        return "which no network can read (take the row out, or correct it)"
    if value is not None and "_" not in text:
        return f"beyond the numbers of a network ({FLOAT32_MAX:.1e} in size)"
    if "," in text and decimal == ".":
        return (
            "where a number is read (no mark between thousands; decimal: ',' reads 1,5 as one and "
            "a half)"
        )
    if "." in text and decimal == ",":
        return "where a number with a decimal comma is read (data.decimal), and no point"
    return "where a number is read (correct it, or do not name the column among the values)"
