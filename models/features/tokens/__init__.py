"""Tokens: a sequence of strings a row, cut by whoever wrote the data, embedded."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from models.features.per_step import SequenceStepOptions
from models.features.strings import RedactedOptions
from models.features.vectors import VectorOptions
from models.raw import Raw, RawValue


class Options(RedactedOptions, SequenceStepOptions):
    """Options of a tokens feature.

    Attributes:
        max_length: tokens kept of a longer sequence; all of them if null.
        keep: which part of a longer sequence is kept: its ``start``, its ``end``, or half of the
            tokens from ``both``.
        vocabulary: distinct tokens learnt from the train split, the most frequent ones; the others
            share ``unknown_buckets`` ids.
        lower: lower-cases first.
        vectors: pretrained vectors of the tokens, ``{file: ...}``; the embedding is learnt from
            nothing if null.
        delimiter: what separates tokens that come as one text (csv); blanks if null.
        missing: tokens of rows whose field is empty or absent; such a row is an error if unset.
    """

    read_by: ClassVar[tuple[str, ...]] = (*RedactedOptions.read_by, "delimiter")
    embedded: ClassVar[bool] = True

    max_length: int | None = Field(None, ge=1, le=100_000)
    keep: Literal["start", "end", "both"] = "start"
    vocabulary: int = Field(20_000, ge=1, le=5_000_000)
    vectors: VectorOptions | None = None
    delimiter: str | None = Field(None, min_length=1)
    missing: list[str] | None = Field(None, min_length=1)

    @property
    def raw_value(self) -> Raw:
        return Raw(dtype="string", shape=(None,))

    @property
    def keeps_steps(self) -> bool:
        return self.per_step or self.max_length is None

    @property
    def pointwise(self) -> bool:
        return self.keeps_steps

    def read_value(self, column: str, value: Any) -> RawValue:
        return self.raw_value.read(column, value, self.delimiter)

    def value_tokens(self, value: Any) -> list[str]:
        return [self.cleaned(token) for token in value]
