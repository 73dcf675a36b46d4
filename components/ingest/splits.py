"""How rows fall to train, validate and test: the options of ``data.split``.

Importing this module imports no TensorFlow.
"""

import itertools
import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from components.ingest.times import time_number
from models.options import Options
from models.raw import RawError

SPLITS = ("train", "validate", "test")

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)")
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


class _Shares(Options):
    by: str
    train: Share = 0.8
    validation: Share = Field(0.1, alias="validate")
    test: Share = 0.1

    @model_validator(mode="after")
    def _shares_fill_the_whole(self) -> "_Shares":
        total = self.train + self.validation + self.test
        if abs(total - 1.0) > 1e-6:
            raise ValueError(
                f"train + validate + test is {total:g}; the shares must add up to 1 "
                "(for example 0.8, 0.1 and 0.1)"
            )
        return self


class SplitByHash(_Shares):
    """Rows fall to a split by a hash, the same wherever and however often they are read.

    Attributes:
        by: ``row`` hashes the raw values that the features read, so that equal inputs stay
            together; ``id`` hashes ``data.id``; ``group`` hashes ``data.group``, so rows that
            belong together stay together.
        train: share of the train split.
        validation: (``validate`` in the file) share of the validate split.
        test: share of the test split.
        seed: another seed, another split.
    """

    by: Literal["row", "id", "group"] = "row"
    seed: int = 0


class SplitByTime(_Shares):
    """The earliest rows train, the latest test.

    Attributes:
        by: ``time``.
        train: share of the distinct times before the validate split.
        validation: (``validate`` in the file) share of the distinct times between the two.
        test: share of the latest distinct times.
        validate_from: time at which the validate split starts, in place of the shares.
        test_from: time at which the test split starts, in place of the shares.
        gap: rows closer than this before a cut are left out of both splits, so that what a row
            forecasts does not lie in the next split: the horizon.  A number in the unit of
            ``data.time`` or, where that holds dates, a duration such as ``24h`` or ``7d`` (a number
            would be seconds).
    """

    by: Literal["time"]
    validate_from: float | str | None = None
    test_from: float | str | None = None
    gap: float | str = 0.0

    @field_validator("validate_from", "test_from", mode="before")
    @classmethod
    def _is_a_time(cls, value: object, info: ValidationInfo) -> object:
        if value is None:
            return None
        try:
            time_number(value, f"data.split.{info.field_name}")
        except RawError as error:
            raise ValueError(str(error)) from error
        # YAML reads a date that is not quoted as one.
        return value.isoformat() if isinstance(value, date) else value

    @field_validator("gap")
    @classmethod
    def _no_negative_gap(cls, gap: float | str) -> float | str:
        if isinstance(gap, str) and not DURATION.fullmatch(gap):
            raise ValueError(f"{gap!r} came; a number, or a duration such as 90min, 24h or 7d")
        if not isinstance(gap, str) and gap < 0:
            raise ValueError(f"{gap} came; a gap is 0 or more")
        return gap

    @model_validator(mode="after")
    def _both_cuts_or_none(self) -> "SplitByTime":
        if (self.validate_from is None) != (self.test_from is None):
            raise ValueError("state validate_from and test_from both, or neither")
        if self.validate_from is not None:
            first, second = (
                time_number(value, "") for value in (self.validate_from, self.test_from)
            )
            if first >= second:
                raise ValueError(
                    f"validate_from is {self.validate_from}, and test_from {self.test_from}: the "
                    "validate split lies before the test split"
                )
        return self

    @property
    def gap_size(self) -> float:
        """The gap in seconds, or in the unit of the time column."""
        if not isinstance(self.gap, str):
            return self.gap
        matched = DURATION.fullmatch(self.gap)
        assert matched, "the validator let it pass"
        return float(matched[1]) * SECONDS[matched[2]]


Values = str | list[str]
RANGE = re.compile(r"(-?\d{1,18})-(-?\d{1,18})")
WHOLE = re.compile(r"-?\d{1,18}")


class SplitByColumn(Options):
    """A column says which split a row belongs to.

    Attributes:
        by: ``column``.
        column: the column.
        train: its value in rows of the train split, a list of values, or a range of whole numbers
            such as ``5-49``.
        validation: (``validate`` in the file) likewise of the validate split, or the share of the
            train rows to hold out, by hash (of ``data.group`` if it is set).
        test: likewise of the test split.
        seed: of the hash that holds rows out.
    """

    by: Literal["column"]
    column: str
    train: Values = "train"
    validation: float | Values = Field("validate", alias="validate")
    test: Values = "test"
    seed: int = 0

    @field_validator("train", "validation", "test", mode="before")
    @classmethod
    def _as_text(cls, value: object, info: ValidationInfo) -> object:
        is_share = isinstance(value, float) and 0.0 < value < 1.0
        if is_share and info.field_name == "validation":
            return value
        if isinstance(value, list) and value:
            return [str(one) for one in value]
        if isinstance(value, str | int) and not isinstance(value, bool):
            return str(value)
        raise ValueError(
            f"{value!r} came; give a value of the column, a list of them, or a range such as 0-4"
            + (", or the share of the train rows to hold out" * (info.field_name == "validation"))
        )

    @model_validator(mode="after")
    def _values_differ(self) -> "SplitByColumn":
        values = [one for values in self.named.values() for one in _listed(values)]
        ranges = [span for span in map(_range, values) if span is not None]
        for low, high in ranges:
            if low > high:
                raise ValueError(f"the range {low}-{high} is empty; write it as {high}-{low}")
        # A number that is a value by itself is a range of one.
        ranges += [(int(one), int(one)) for one in values if WHOLE.fullmatch(one)]
        ranges.sort()
        shared = any(before[1] >= after[0] for before, after in itertools.pairwise(ranges))
        if shared or len(set(values)) < len(values):
            raise ValueError(
                f"train, validate and test are {', '.join(map(repr, self.named.values()))}; each "
                "split has values of its own"
            )
        return self

    @property
    def named(self) -> dict[str, Values]:
        """The splits that the column names, with its values."""
        named = {"train": self.train, "validate": self.validation, "test": self.test}
        return {split: values for split, values in named.items() if not isinstance(values, float)}

    def split_of(self, came: str) -> str | None:
        """The split that a value names, or None."""
        for split, values in self.named.items():
            if any(came == value or _in_range(came, value) for value in _listed(values)):
                return split
        return None


def _listed(values: Values) -> list[str]:
    return [values] if isinstance(values, str) else values


def _range(value: str) -> tuple[int, int] | None:
    matched = RANGE.fullmatch(value)
    return (int(matched[1]), int(matched[2])) if matched else None


def _in_range(came: str, value: str) -> bool:
    span = _range(value)
    return span is not None and bool(WHOLE.fullmatch(came)) and span[0] <= int(came) <= span[1]


class SplitByFiles(Options):
    """Files are given for the splits.

    Attributes:
        by: ``files``.
        train: file or glob under ``data.path``.
        validation: (``validate`` in the file) file or glob under ``data.path``, or the share of
            the train files' rows to hold out, by hash (of ``data.group`` if it is set).
        test: file or glob under ``data.path``.
        seed: of the hash that holds rows out.
    """

    by: Literal["files"]
    train: str
    validation: float | str = Field(0.1, alias="validate")
    test: str
    seed: int = 0

    @field_validator("validation", mode="before")
    @classmethod
    def _file_or_share(cls, value: object) -> object:
        is_share = isinstance(value, int | float) and 0.0 < value < 1.0
        if not isinstance(value, str) and not is_share:
            raise ValueError(
                f"{value!r} came; give a file or glob under data.path, or the share of the train "
                "files' rows to hold out, above 0 and below 1"
            )
        return value


SPLIT_CLASSES = {
    "row": SplitByHash,
    "id": SplitByHash,
    "group": SplitByHash,
    "time": SplitByTime,
    "column": SplitByColumn,
    "files": SplitByFiles,
}


def _split(value: object) -> object:
    if isinstance(value, dict):
        return SPLIT_CLASSES[value.get("by", "row")].model_validate(value)
    return value


AnySplit = Annotated[
    SplitByHash | SplitByTime | SplitByColumn | SplitByFiles, BeforeValidator(_split)
]


def with_grouped_split(data: object) -> object:
    """Data options whose split, where it does not say, is by the group that they name."""
    if not isinstance(data, dict) or data.get("group") is None:
        return data
    split = data.get("split")
    if split is None or (isinstance(split, dict) and "by" not in split):
        return {**data, "split": {"by": "group", **(split or {})}}
    return data
