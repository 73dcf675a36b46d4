"""Text: a string a row, cut to words, characters, bytes or subwords in the graph and embedded."""

import re
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from models.features.per_step import SequenceStepOptions
from models.features.strings import RedactedOptions, checked_pattern, python_pattern
from models.features.vectors import VectorOptions
from models.raw import TEXT, Raw, RawValue


class Options(RedactedOptions, SequenceStepOptions):
    """Options of a text feature.

    Attributes:
        max_length: tokens kept of a longer text.
        keep: which part of a longer text is kept: its ``start``, its ``end``, or half of the tokens
            from ``both``.
        vocabulary: distinct tokens learnt from the train split, the most frequent ones; the others
            share ``unknown_buckets`` ids.  With ``subwords``, how many of those are learnt.
        tokens: ``words`` splits off punctuation, ``whitespace`` splits at (Unicode) blanks only,
            ``characters`` at every Unicode character, ``bytes`` at every byte, and ``regex`` takes
            what ``pattern`` finds.
        pattern: of ``tokens: regex``, an RE2 expression.
        subwords: cuts the tokens further, to units learnt from the train split; see
            ``models.features.subwords``.
        lower: lower-cases first.
        strip_tags: replaces ``<...>`` markup by a blank first.
        vectors: pretrained vectors of the tokens, ``{file: ...}``; the embedding is learnt from
            nothing if null.
        delimiter: with ``per_step``, what separates texts that come as one (csv): ``" "`` for any
            blanks; a row is a list of them if null.
    """

    read_by: ClassVar[tuple[str, ...]] = (*RedactedOptions.read_by, "delimiter")
    empty: ClassVar[RawValue | None] = ""
    embedded: ClassVar[bool] = True

    max_length: int = Field(256, ge=1, le=100_000)
    keep: Literal["start", "end", "both"] = "start"
    vocabulary: int = Field(20_000, ge=1, le=5_000_000)
    tokens: Literal["words", "whitespace", "characters", "bytes", "regex"] = "words"
    pattern: str | None = None
    subwords: bool = False
    lower: bool = True
    strip_tags: bool = False
    vectors: VectorOptions | None = None
    missing: str | None = None
    delimiter: str | None = Field(None, min_length=1)

    def read_present(self, column: str, value: Any) -> RawValue:
        if self.delimiter is not None and isinstance(value, str):
            value = value.split(None if self.delimiter.isspace() else self.delimiter)
        return super().read_present(column, value)

    def value_tokens(self, value: object) -> list[str]:
        """The tokens; differs from the graph in rare scripts only, whose marks it splits off.

        Subwords are not learnt here: these are the tokens that would be cut to them.
        """
        text = str(value)
        if self.strip_tags:
            text = re.sub(r"<[^<>]*>", " ", text)
        text = self.cleaned(text, " ")
        if self.tokens == "characters":
            return list(text)
        if self.tokens == "bytes":
            return [chr(byte) for byte in text.encode("utf-8", "replace")]
        if self.pattern is not None:
            return [found.group() for found in python_pattern(self.pattern).finditer(text)]
        if self.tokens == "words":
            text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
            text = re.sub(r"([^\w\s']|_)", r" \1 ", text)
        return text.split()

    @property
    def raw_value(self) -> Raw:
        return TEXT

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.delimiter is not None and not self.per_step:
            raise ValueError(
                f"delimiter: {self.delimiter!r} is of texts a step each (add per_step: true, or "
                "leave it out)"
            )
        if (self.pattern is not None) != (self.tokens == "regex"):
            raise ValueError(
                "pattern goes with tokens: regex, and tokens: regex with a pattern "
                r"(for example tokens: regex, pattern: '\w+')"
            )
        if self.pattern is not None:
            try:
                checked_pattern(self.pattern)
            except ValueError as error:
                raise ValueError(f"pattern: {error}") from error
        if self.subwords and self.tokens in ("characters", "bytes"):
            raise ValueError(
                f"subwords with tokens: {self.tokens}, which cannot be cut further (write tokens: "
                "words, whitespace or regex)"
            )
        if self.subwords and self.vectors is not None:
            raise ValueError(
                "subwords with vectors, which are of whole words (leave one of them out)"
            )
        return self
