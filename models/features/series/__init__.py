"""Series: vectors over time, such as the readings of some sensors."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from models.options import FeatureOptions
from models.raw import FLOAT32_MAX, Raw, RawValue

Number = Annotated[float, Field(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]


class Options(FeatureOptions):
    """Options of a series feature.

    Attributes:
        depth: numbers a step (channels).  A row holds a list of lists of so many numbers or, with
            depth 1, a list of numbers (in csv: numbers with blanks between them).
        max_length: steps kept of a longer series, the last ones; all of them if null.
        normalise: scales each channel to mean 0 and deviation 1 over all steps of the train split.
        missing: steps of rows whose field is empty or absent; such a row is an error if unset.
    """

    read_by: ClassVar[tuple[str, ...]] = (*FeatureOptions.read_by, "depth")

    depth: int = Field(1, ge=1, le=65_536)
    max_length: int | None = Field(None, ge=1, le=1_000_000)
    normalise: bool = True
    missing: list[list[Number]] | None = Field(None, min_length=1)

    @property
    def raw(self) -> Raw:
        return Raw(dtype="float", shape=(None, self.depth))

    @property
    def keeps_steps(self) -> bool:
        return self.max_length is None

    def read_present(self, column: str, value: Any) -> RawValue:
        if self.depth > 1 and isinstance(value, str) and value.strip():
            raise self.raw.unlisted(column, value)
        return self.raw.read(column, value)

    @model_validator(mode="after")
    def _missing_fits(self) -> Self:
        if any(len(step) != self.depth for step in self.missing or ()):
            raise ValueError(
                f"missing: every step has {self.depth} numbers, for example "
                f"[{[0.0] * min(self.depth, 8)}]"
            )
        return self
