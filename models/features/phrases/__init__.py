"""Phrases: several short texts at each step, such as what a recogniser may have heard in a turn.

A dialog's turns bring a list of hypotheses each (an n-best list), or a list of the system's acts.
"""

from typing import Any, ClassVar

from pydantic import Field

from models.options import FeatureOptions
from models.raw import Raw, RawValue


class Options(FeatureOptions):
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

    @property
    def keeps_steps(self) -> bool:
        return True

    @property
    def pointwise(self) -> bool:
        return True

    def read_present(self, column: str, value: Any) -> RawValue:
        """A list of phrases a step; a step may be one phrase or, as null or ``[]``, none."""
        value = value.tolist() if hasattr(value, "tolist") else value
        if not isinstance(value, list):
            raise self.raw.unlisted(column, value)
        return self.raw.read(column, [_listed(step) for step in value])


def _listed(step: Any) -> Any:
    if step is None:
        return []
    return [step] if isinstance(step, str) else step
