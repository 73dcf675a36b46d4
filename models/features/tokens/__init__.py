"""Tokens: a sequence of strings a row, cut by whoever wrote the data, embedded."""

from typing import Any, ClassVar

from pydantic import Field

from models.features.vectors import VectorOptions
from models.options import FeatureOptions
from models.raw import Raw, RawValue


class Options(FeatureOptions):
    """Options of a tokens feature.

    Attributes:
        max_length: tokens kept of a longer sequence, from its start; all of them if null.
        vocabulary: distinct tokens learnt from the train split, the most frequent ones; the others
            share one id.
        lower: lower-cases first.
        vectors: pretrained vectors of the tokens, ``{file: ...}``; the embedding is learnt from
            nothing if null.
        delimiter: what separates tokens that come as one text (csv); blanks if null.
        missing: tokens of rows whose field is empty or absent; such a row is an error if unset.
    """

    read_by: ClassVar[tuple[str, ...]] = (*FeatureOptions.read_by, "delimiter")
    embedded: ClassVar[bool] = True

    max_length: int | None = Field(None, ge=1, le=100_000)
    vocabulary: int = Field(20_000, ge=1, le=5_000_000)
    lower: bool = False
    vectors: VectorOptions | None = None
    delimiter: str | None = Field(None, min_length=1)
    missing: list[str] | None = Field(None, min_length=1)

    @property
    def raw(self) -> Raw:
        return Raw(dtype="string", shape=(None,))

    @property
    def keeps_steps(self) -> bool:
        return self.max_length is None

    def tokens_of(self, value: object) -> list[str]:
        return [token.lower() for token in value] if self.lower else list(value)

    def read_present(self, column: str, value: Any) -> RawValue:
        return self.raw.read(column, value, self.delimiter)
