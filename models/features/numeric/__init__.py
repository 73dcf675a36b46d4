"""Numeric: one number a row, scaled by what the train split shows."""

from typing import Literal

from pydantic import Field

from models.options import FeatureOptions
from models.raw import FLOAT32_MAX, Raw


class Options(FeatureOptions):
    """Options of a numeric feature.

    Attributes:
        scale: ``standard`` (mean 0, deviation 1 on the train split) or ``none``.
        missing: value for rows whose field is empty or absent; such a row is an error if unset.
    """

    scale: Literal["standard", "none"] = "standard"
    missing: float | None = Field(None, ge=-FLOAT32_MAX, le=FLOAT32_MAX)

    @property
    def raw(self) -> Raw:
        return Raw(dtype="float")
