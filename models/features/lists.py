"""Features with a list at each step, such as the hypotheses of a turn; imports no TensorFlow."""

from typing import Any

from models.options import FeatureOptions
from models.raw import RawValue


class ListOptions(FeatureOptions):
    """Options of a kind whose steps are lists of their own length; ``raw`` has two such axes."""

    @property
    def keeps_steps(self) -> bool:
        return True

    @property
    def pointwise(self) -> bool:
        return True

    def read_present(self, column: str, value: Any) -> RawValue:
        """A list a step; a step may also be null, which is an empty one."""
        value = value.tolist() if hasattr(value, "tolist") else value
        if not isinstance(value, list):
            raise self.raw.unlisted(column, value)
        return self.raw.read(column, [self.read_step(step) for step in value])

    def read_step(self, step: Any) -> Any:
        """One step, as ``raw`` reads it."""
        return [] if step is None else step
