"""Options of the checks between ingest and Transform: what stops a run, and what only warns.

Importing this module imports no TensorFlow.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from models.options import Options

Level = Literal["stop", "warn", "off"]


def _level(value: object) -> object:
    # YAML reads a bare `off` as false.
    return "off" if value is False else value


AnyLevel = Annotated[Level, BeforeValidator(_level)]


class Distance(Options):
    """A check of how far two distributions are from each other.

    Attributes:
        threshold: above it, and above what chance explains for so few rows, the check fails.
        on: what happens then.
    """

    threshold: float = Field(gt=0.0, le=1.0)
    on: AnyLevel


class Share(Options):
    """A check of a share.

    Attributes:
        share: above it the check fails.
        on: what happens then.
    """

    share: float = Field(ge=0.0, le=1.0)
    on: AnyLevel


class ValidateOptions(Options):
    """What the data are held against before anything is learnt from them.

    A check is ``stop`` (ends the run), ``warn`` or ``off``; where it has a bound, fields that are
    left out keep their defaults, and ``drift: stop`` is short for ``drift: {on: stop}``.

    Attributes:
        schema_file: the schema that people review; ``NAME.schema.pbtxt`` beside ``NAME.yaml`` if
            left out.  The first run whose data pass writes it; from then on the data are held
            against it.
        mismatch: a type, a presence or a number of values that the schema does not allow.
        new_values: a category or a label that the schema does not list.
        out_of_range: a number or a length that lies outside of the schema's range.
        drift: the train split against that of the last run whose model was blessed, by feature:
            the largest difference in the share of a value (L-infinity), or the Jensen-Shannon
            divergence of numbers and lengths.
        skew: the validate and the test split against the train split, likewise.
        too_long: share of rows of a split that are longer than the feature's ``max_length``.
        unknown_tokens: share of the validate and the test split's tokens that the train split
            does not have.
        label_balance: share of the most frequent label of the train split.
        empty: share of rows of a split in which a text or a sequence is empty.
        duplicates: share of rows of a split whose inputs another row of it has.
        bad_rows: share of all records that ``data.on_bad_row`` left out.
    """

    schema_file: str | None = None
    mismatch: AnyLevel = "stop"
    new_values: AnyLevel = "warn"
    out_of_range: AnyLevel = "warn"
    drift: Distance = Distance(threshold=0.1, on="warn")
    skew: Distance = Distance(threshold=0.1, on="warn")
    too_long: Share = Share(share=0.5, on="warn")
    unknown_tokens: Share = Share(share=0.2, on="warn")
    label_balance: Share = Share(share=0.95, on="warn")
    empty: Share = Share(share=0.05, on="warn")
    duplicates: Share = Share(share=0.2, on="warn")
    bad_rows: Share = Share(share=0.0, on="warn")

    @model_validator(mode="before")
    @classmethod
    def _complete_checks(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        completed = dict(data)
        for name, field in cls.model_fields.items():
            if name in data and isinstance(field.default, BaseModel):
                value = data[name]
                if isinstance(value, str | bool):
                    value = {"on": value}
                if isinstance(value, dict):
                    completed[name] = {**field.default.model_dump(), **value}
        return completed
