"""Options of the data: where the rows are, what they are called, what is done with bad ones.

A reader adds its own fields by a class ``Options`` that derives from ``DataOptions``.  Importing
this module imports no TensorFlow and no reader.
"""

import importlib
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, SerializeAsAny, field_validator, model_validator

from components.ingest.readers import reader_module, reader_problem
from components.ingest.splits import AnySplit, SplitByHash, SplitByTime, with_grouped_split
from models.dotted import function_problem
from models.options import Options


class DataOptions(Options):
    """Where the rows are and how they split.

    Attributes:
        path: file, glob, or folder (with the format's files in it); a relative path starts at the
            experiment file's folder.
        format: the reader, by its name (see docs/readers.md) or, one of one's own, by dotted path;
            ``.gz`` is unpacked.
        id: column that names a row, in place of ``file:line``; no two rows may have the same.
        group: column whose equal values belong together (a document, a patient): kept in one
            split (``split: {by: group}`` is then the default), resampled together when a
            metric's interval is drawn.
        time: column that says when a row was: a number, or an ISO 8601 date or time.
        split: how rows fall to train, validate and test.
        on_bad_row: what is done with a row that cannot be used: ``fail`` stops the run, ``skip``
            leaves it out and counts it, ``quarantine`` also writes it with the reason to a file.
        allow_leaks: goes on although rows of one split are in another too (the same inputs, the
            same group, or windows that overlap); they are counted all the same.
    """

    path: str
    format: str
    id: str | None = None
    group: str | None = None
    time: str | None = None
    split: AnySplit = SplitByHash()
    on_bad_row: Literal["fail", "skip", "quarantine"] = "fail"
    allow_leaks: bool = False

    @field_validator("format")
    @classmethod
    def _known_format(cls, data_format: str) -> str:
        problem = reader_problem(data_format)
        if problem:
            raise ValueError(problem)
        return data_format

    @model_validator(mode="before")
    @classmethod
    def _split_by_group(cls, data: object) -> object:
        return with_grouped_split(data)

    @model_validator(mode="after")
    def _groups_stay_together(self) -> "DataOptions":
        by_row = isinstance(self.split, SplitByHash) and self.split.by != "group"
        if by_row and self.group is not None:
            raise ValueError(
                f"group: {self.group} with split: {{by: {self.split.by}}} would spread a group "
                "over the splits, and what is trained on would judge (write split: {by: group})"
            )
        return self

    @property
    def needed_column(self) -> tuple[str, str] | None:
        """The column that the split needs and that is not named: its field, and the split's."""
        by = self.split.by
        if isinstance(self.split, SplitByHash) and by != "row":
            return None if getattr(self, by) else (by, by)
        if isinstance(self.split, SplitByTime):
            return None if self.time else ("time", by)
        return None


def data_class(data_format: Any) -> type[DataOptions]:
    """The options class of a format; the common one if its reader has none, or is none.

    Raises:
        ValueError: the reader, somebody's own, cannot be imported, or its options are none.
    """
    if not isinstance(data_format, str) or reader_problem(data_format):
        return DataOptions
    module = reader_module(data_format)
    if function_problem(f"{module}.Options") is not None:
        return DataOptions
    try:
        options = importlib.import_module(module).Options
    except Exception as error:  # Whatever a user's module may raise while it is imported.
        raise ValueError(f"cannot import {module!r}: {type(error).__name__}: {error}") from error
    if not (isinstance(options, type) and issubclass(options, DataOptions)):
        raise ValueError(
            f"{module}.Options are no data options (derive them from {DataOptions.__module__}."
            "DataOptions)"
        )
    return options


def _data(value: object) -> object:
    if isinstance(value, dict):
        return data_class(value.get("format")).model_validate(value)
    return value


AnyData = Annotated[SerializeAsAny[DataOptions], BeforeValidator(_data)]
"""Data options of any format; parsed from JSON by their ``format``."""
