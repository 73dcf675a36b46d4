"""Phrases: several short texts at each step, such as what a recogniser may have heard in a turn.

A dialog's turns bring a list of hypotheses each (an n-best list), or a list of the system's acts.
"""

from typing import Any, ClassVar

from pydantic import Field

from models.features.lists import ListOptions
from models.raw import Raw


class Options(ListOptions):
    """Options of a phrases feature.

    Attributes:
        count: phrases read at a step, the first ones.
        words: words read of each, the first ones.
        lower: lower-cases first.
        missing: steps of rows whose field is empty or absent, a list of phrases each; such a row
            is an error if unset.
    """

    embedded: ClassVar[bool] = True

    count: int = Field(5, ge=1, le=100)
    words: int = Field(20, ge=1, le=1000)
    lower: bool = True
    missing: list[list[str]] | None = Field(None, min_length=1)

    @property
    def raw(self) -> Raw:
        return Raw(dtype="string", shape=(None, None))

    def read_step(self, step: Any) -> Any:
        """A list of phrases; one may stand by itself."""
        return [step] if isinstance(step, str) else super().read_step(step)
