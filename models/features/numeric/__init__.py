"""Numeric: one number a row, scaled by what the train split shows."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field

from models.features.per_step import StepOptions
from models.raw import FLOAT32_MAX, Raw

Number = Annotated[float, Field(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
Scale = Literal["standard", "minmax", "none"]


class Options(StepOptions):
    """Options of a numeric feature.

    Attributes:
        scale: ``standard`` (mean 0, deviation 1 on the train split), ``minmax`` (0 to 1 on the
            train split, beyond that what it comes to) or ``none``.
        log1p: takes the logarithm of 1 + the number first, of a number below 0 with its sign:
            ``sign(x) log(1 + |x|)``.
        missing: value for rows whose field is empty or absent; such a row is an error if unset.
            ``mask`` feeds two numbers, the scaled one and whether there was any: (0, 0) where it
            is missing, else (number, 1).
    """

    scale: Scale = "standard"
    log1p: bool = False
    missing: Number | Literal["mask"] | None = None

    @property
    def masked(self) -> bool:
        """Whether the network reads beside the number whether there was one."""
        return self.missing == "mask"

    @property
    def raw_value(self) -> Raw:
        return Raw(dtype="float", nullable=self.masked)

    @property
    def value_filler(self) -> Any:
        return math.nan if self.masked else self.missing
