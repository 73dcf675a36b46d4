"""Series: vectors over time, such as the readings of some sensors."""

import math
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from models.features.numeric import Number, Scale
from models.options import FeatureOptions
from models.raw import Raw, RawValue


class Options(FeatureOptions):
    """Options of a series feature.

    Attributes:
        depth: numbers a step (channels).  A row holds a list of lists of so many numbers or, with
            depth 1, a list of numbers (in csv: numbers with blanks between them).
        max_length: steps kept of a longer series; all of them if null.
        keep: which part of a longer series is kept: its ``start``, its ``end``, or half of the
            steps from ``both``.
        scale: of each channel by itself over all steps of the train split: ``standard`` (mean 0,
            deviation 1), ``minmax`` (0 to 1) or ``none``.
        log1p: takes the logarithm of 1 + the number first, of a number below 0 with its sign.
        missing: steps of rows whose field is empty or absent; such a row is an error if unset.
            ``mask`` lets single numbers be null or NaN and feeds, behind the channels of a step,
            whether there was a number in each: 0 for both where it is missing.
    """

    read_by: ClassVar[tuple[str, ...]] = (*FeatureOptions.read_by, "depth")

    depth: int = Field(1, ge=1, le=65_536)
    max_length: int | None = Field(None, ge=1, le=1_000_000)
    keep: Literal["start", "end", "both"] = "end"
    scale: Scale = "standard"
    log1p: bool = False
    missing: list[list[Number]] | Literal["mask"] | None = None

    @property
    def masked(self) -> bool:
        """Whether the network reads beside the numbers whether there were any."""
        return self.missing == "mask"

    @property
    def width(self) -> int:
        """Numbers a step that the network reads."""
        return self.depth * (2 if self.masked else 1)

    @property
    def raw(self) -> Raw:
        return Raw(dtype="float", shape=(None, self.depth), nullable=self.masked)

    @property
    def filler(self) -> Any:
        return [[math.nan] * self.depth] if self.masked else self.missing

    @property
    def keeps_steps(self) -> bool:
        return self.max_length is None

    @property
    def pointwise(self) -> bool:
        return self.keeps_steps

    def steps_of(self, value: Any) -> int | None:
        return len(value) if self.max_length is None else min(len(value), self.max_length)

    def read_present(self, column: str, value: Any) -> RawValue:
        if self.depth > 1 and isinstance(value, str) and value.strip():
            raise self.raw.unlisted(column, value)
        return self.raw.read(column, value)

    @model_validator(mode="after")
    def _missing_fits(self) -> Self:
        if self.missing is None or isinstance(self.missing, str):
            return self
        if not self.missing or any(len(step) != self.depth for step in self.missing):
            raise ValueError(
                f"missing: at least one step, and every step has {self.depth} numbers, for example "
                f"[{[0.0] * min(self.depth, 8)}]; or mask"
            )
        return self
