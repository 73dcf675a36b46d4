"""Text: a string a row, cut to words (or characters) in the graph and embedded."""

import re
from typing import ClassVar, Literal

from pydantic import Field

from models.features.vectors import VectorOptions
from models.options import FeatureOptions
from models.raw import Raw, RawValue


class Options(FeatureOptions):
    """Options of a text feature.

    Attributes:
        max_length: tokens kept of a longer text.
        keep: which end of a longer text is kept.
        vocabulary: distinct tokens learnt from the train split, the most frequent ones; the others
            share one id.
        tokens: ``words`` splits off punctuation, ``whitespace`` splits at (Unicode) blanks only,
            ``characters`` at every Unicode character.
        lower: lower-cases first.
        strip_tags: replaces ``<...>`` markup by a blank first.
        vectors: pretrained vectors of the tokens, ``{file: ...}``; the embedding is learnt from
            nothing if null.
    """

    empty: ClassVar[RawValue | None] = ""
    embedded: ClassVar[bool] = True

    max_length: int = Field(256, ge=1, le=100_000)
    keep: Literal["start", "end"] = "start"
    vocabulary: int = Field(20_000, ge=1, le=5_000_000)
    tokens: Literal["words", "whitespace", "characters"] = "words"
    lower: bool = True
    strip_tags: bool = False
    vectors: VectorOptions | None = None
    missing: str | None = None

    def tokens_of(self, value: object) -> list[str]:
        """The tokens; differs from the graph in rare scripts only, whose marks it splits off."""
        text = str(value)
        if self.strip_tags:
            text = re.sub(r"<[^<>]*>", " ", text)
        if self.lower:
            text = text.lower()
        if self.tokens == "characters":
            return list(text)
        if self.tokens == "words":
            text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
            text = re.sub(r"([^\w\s']|_)", r" \1 ", text)
        return text.split()

    @property
    def raw(self) -> Raw:
        return Raw(dtype="string")
