"""Categorical: one of a set of strings a row, embedded."""

from typing import ClassVar

from pydantic import Field

from models.features.strings import StringOptions
from models.raw import TEXT, Raw


class Options(StringOptions):
    """Options of a categorical feature.

    Attributes:
        vocabulary: distinct values learnt from the train split, the most frequent ones; the others
            share ``unknown_buckets`` ids.
        missing: value for rows whose field is empty or absent; such a row is an error if unset.
    """

    embedded: ClassVar[bool] = True

    vocabulary: int = Field(1_000, ge=1, le=5_000_000)
    missing: str | None = None

    def value_tokens(self, value: object) -> list[str]:
        return [self.cleaned(str(value))]

    @property
    def raw_value(self) -> Raw:
        return TEXT
