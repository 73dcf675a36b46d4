"""Features of which a row may hold one value or, a step of a sequence each, several.

A dialog is a sequence of texts, a shopping basket one of categories.  This module has the options
and imports no TensorFlow; ``models.features.steps`` has the graph, the same for every kind.
"""

from abc import abstractmethod
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from models.options import FeatureOptions, Options
from models.raw import Raw, RawError, RawValue


class StepOptions(FeatureOptions):
    """Options of a kind that can also be the step of a sequence.

    Attributes:
        per_step: a row holds a list of values, each a step of a sequence, and all options speak of
            one of them: ``max_length`` cuts each value, ``missing`` stands for a value that is
            null or empty, and for the one step of a row without any.
    """

    read_by: ClassVar[tuple[str, ...]] = (*FeatureOptions.read_by, "per_step")

    per_step: bool = False

    @property
    @abstractmethod
    def raw_value(self) -> Raw:
        """The form of one value."""

    @property
    def value_filler(self) -> Any:
        """What stands for one missing value; None if there is nothing."""
        return self.missing

    def read_value(self, column: str, value: Any) -> RawValue:
        """One value that is there; see ``Raw.read``."""
        return self.raw_value.read(column, value)

    def value_tokens(self, value: Any) -> list[str] | None:
        """What ``tokens_of`` says, of one value."""
        return None

    @property
    def raw(self) -> Raw:
        return self.raw_value.of_steps() if self.per_step else self.raw_value

    @property
    def filler(self) -> Any:
        filler = self.value_filler
        return [filler] if self.per_step and filler is not None else filler

    @property
    def keeps_steps(self) -> bool:
        return self.per_step

    @property
    def pointwise(self) -> bool:
        return self.per_step

    def read_present(self, column: str, value: Any) -> RawValue:
        if not self.per_step:
            return self.read_value(column, value)
        value = value.tolist() if hasattr(value, "tolist") else value
        if not isinstance(value, list):
            raise self.raw.unlisted(column, value)
        return [self._read_step(f"{column}[{index}]", step) for index, step in enumerate(value)]

    def _read_step(self, where: str, step: Any) -> RawValue:
        empty = step is None or (step == "" and self.raw_value.dtype != "string")
        if not empty:
            read = self.read_value(where, step)
            if read not in ("", b"") or (self.value_filler is None and read == self.empty):
                return read
        if self.value_filler is None:
            raise RawError(
                f"field {where!r} is empty (give it a value, or set the feature's `missing:`)"
            )
        return self.read_value(where, self.value_filler)

    def tokens_of(self, value: object) -> list[str] | None:
        if not self.per_step or not isinstance(value, list):
            return self.value_tokens(value)
        found = [self.value_tokens(step) for step in value]
        return None if None in found else [token for tokens in found for token in tokens or ()]


class StepEncoder(Options):
    """How the sequence within a step, such as a word's characters, becomes the step's vector.

    Attributes:
        kind: ``mean`` of its vectors; ``convolution`` over them and the maximum; or
            ``recurrent``, what an LSTM says at either end, having read them from the other.
        units: width of the convolution, or of the LSTM in each direction; 32 if left out.
        kernel_size: vectors that a convolution's output sees; 3 if left out.
        embedding_size: width of the vectors of tokens; the network's if left out.
    """

    kind: Literal["mean", "convolution", "recurrent"] = "mean"
    units: int | None = Field(None, ge=1, le=4096)
    kernel_size: int | None = Field(None, ge=1, le=255)
    embedding_size: int | None = Field(None, ge=1, le=4096)

    @model_validator(mode="after")
    def _options_that_something_takes(self) -> Self:
        for field, kinds in (
            ("units", ("convolution", "recurrent")),
            ("kernel_size", ("convolution",)),
        ):
            if getattr(self, field) is not None and self.kind not in kinds:
                raise ValueError(
                    f"{field} with kind: {self.kind}, which takes none (leave it out, or write "
                    f"kind: {' or '.join(kinds)})"
                )
        return self


class SequenceStepOptions(StepOptions):
    """Options of a kind of which one value is a sequence of tokens itself.

    Attributes:
        encoder: with ``per_step``, how the tokens of a step become its vector.
    """

    encoder: StepEncoder = StepEncoder()

    @model_validator(mode="after")
    def _encodes_steps(self) -> Self:
        if self.encoder != StepEncoder() and not self.per_step:
            raise ValueError(
                "encoder is of the tokens within a step (add per_step: true, or leave it out; "
                "the network encodes a sequence)"
            )
        return self


def is_per_step(options: FeatureOptions) -> bool:
    """Whether a row of the feature holds a sequence of its kind's values."""
    return isinstance(options, StepOptions) and options.per_step
