"""Scores: several numbers at each step, as many as there are, such as a recogniser's confidences.

They go with the phrases of a step, the first with the first; unlike those of a series, their number
may differ from step to step.
"""

from pydantic import Field

from models.features.lists import ListOptions
from models.features.numeric import Number
from models.raw import Raw


class Options(ListOptions):
    """Options of a scores feature.

    Attributes:
        count: numbers read at a step, the first ones; where there are fewer, the others are 0.
        missing: steps of rows whose field is empty or absent, a list of numbers each; such a row
            is an error if unset.
    """

    count: int = Field(5, ge=1, le=1000)
    missing: list[list[Number]] | None = Field(None, min_length=1)

    @property
    def raw(self) -> Raw:
        return Raw(dtype="float", shape=(None, None))
