"""What tasks that write sequences share: pieces of text, decoding in the graph, counting edits.

A written text is cut to pieces (words, subword units, characters) by the text feature's own
preprocessing.  Of a target's ids, 1 is every unknown piece, those from 2 are the pieces by falling
frequency, and behind them stand the end of the text and the start that a decoder is fed first.  In
what a network is fed 0 pads; in labels -1 does.
"""

from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from models.features.text import Options as TextOptions
from models.options import Options

UNKNOWN_PIECE = "<unk>"
"""What is written for the unknown piece, where nothing better is known."""


class Ids(NamedTuple):
    """The ids of a vocabulary of pieces.

    Attributes:
        size: how many pieces were learnt.
    """

    size: int

    @property
    def end(self) -> int:
        """Of what is written behind the last piece."""
        return 2 + self.size

    @property
    def start(self) -> int:
        """Of what a decoder is fed before the first piece."""
        return self.end + 1

    @property
    def scored(self) -> int:
        """How many ids a decoder scores: 0, which is never right, up to the end."""
        return self.end + 1

    @property
    def fed(self) -> int:
        """How many ids a decoder is fed: those it scores, and the start."""
        return self.start + 1


class WrittenText(Options):
    """How a text that is to be written is cut to pieces; as of a text feature.

    Attributes:
        tokens: ``words`` splits off punctuation, ``whitespace`` splits at (Unicode) blanks only,
            ``characters`` at every Unicode character, and ``regex`` takes what ``pattern`` finds.
        pattern: of ``tokens: regex``, an RE2 expression.
        subwords: cuts the tokens further, to units learnt from the train split.
        vocabulary: distinct pieces learnt from the train split, the most frequent ones.
        lower: lower-cases first.
        normalise: Unicode normalisation, before all else.
        max_length: pieces kept of a longer text, in training and where it is written.
    """

    tokens: Literal["words", "whitespace", "characters", "regex"] = "words"
    pattern: str | None = None
    subwords: bool = False
    vocabulary: int = Field(20_000, ge=1, le=5_000_000)
    lower: bool = True
    normalise: Literal["nfc", "nfkc", "none"] = "none"
    max_length: int = Field(64, ge=1, le=10_000)

    @property
    def feature(self) -> TextOptions:
        """The text feature that is cut in this way."""
        return TextOptions(kind="text", **self.model_dump())

    @model_validator(mode="after")
    def _possible(self) -> Self:
        # The feature's own checks: pattern with regex, subwords with words.
        TextOptions(kind="text", **self.model_dump())
        return self
