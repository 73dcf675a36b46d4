"""Options of the data and of the release, and what each node reads of an experiment.

A node's configuration is serialised into the node and is part of its cache key, so it holds that
node's share of the experiment and nothing else.  Importing this module imports no TensorFlow.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from components.ingest.readers import reader_problem
from models.options import AnyFeature, AnyTask, Options
from models.raw import Raw
from models.search_space import Dimension, TuneOptions
from models.spec import NetworkOptions, TrainingOptions

SPLITS = ("train", "validate", "test")
ID_FEATURE = "_id"
"""Feature of every example: ``file:line`` of its row."""
GROUP_FEATURE = "_group"
"""Feature of every example where ``data.group`` is set."""

TRANSFORM_KEY, TUNE_KEY, TRAIN_KEY = "transform", "tune", "train"
"""Under which ``custom_config`` holds a node's share of the experiment."""

RESUME, FINISHED = ".resume", "finished"
"""Folder beside a node's outputs of what killed executions had done, one a setting; and the file in
one of them that says that it is not needed any more."""

Share = Annotated[float, Field(gt=0.0, lt=1.0)]


class SplitByHash(Options):
    """Rows fall to a split by a hash, the same wherever and however often they are read.

    Attributes:
        by: ``row`` hashes the whole row, so equal rows stay together; ``group`` hashes
            ``data.group``, so rows that belong together stay together.
        train: share of the train split.
        validation: (``validate`` in the file) share of the validate split.
        test: share of the test split.
        seed: another seed, another split.
    """

    by: Literal["row", "group"] = "row"
    train: Share = 0.8
    validation: Share = Field(0.1, alias="validate")
    test: Share = 0.1
    seed: int = 0

    @model_validator(mode="after")
    def _shares_fill_the_whole(self) -> "SplitByHash":
        total = self.train + self.validation + self.test
        if abs(total - 1.0) > 1e-6:
            raise ValueError(
                f"train + validate + test is {total:g}; the shares must add up to 1 "
                "(for example 0.8, 0.1 and 0.1)"
            )
        return self


class SplitByColumn(Options):
    """A column says which split a row belongs to.

    Attributes:
        by: ``column``.
        column: the column.
        train: its value in rows of the train split.
        validation: (``validate`` in the file) its value in rows of the validate split.
        test: its value in rows of the test split.
    """

    by: Literal["column"]
    column: str
    train: str = "train"
    validation: str = Field("validate", alias="validate")
    test: str = "test"

    @model_validator(mode="after")
    def _values_differ(self) -> "SplitByColumn":
        values = (self.train, self.validation, self.test)
        if len(set(values)) < len(values):
            raise ValueError(
                f"train, validate and test are {', '.join(map(repr, values))}; each split has a "
                "value of its own"
            )
        return self


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
    "group": SplitByHash,
    "column": SplitByColumn,
    "files": SplitByFiles,
}


def _split(value: object) -> object:
    if isinstance(value, dict):
        return SPLIT_CLASSES[value.get("by", "row")].model_validate(value)
    return value


AnySplit = Annotated[SplitByHash | SplitByColumn | SplitByFiles, BeforeValidator(_split)]


def with_grouped_split(data: object) -> object:
    """Data options whose split, where it does not say, is by the group that they name."""
    if not isinstance(data, dict) or data.get("group") is None:
        return data
    split = data.get("split")
    if split is None or (isinstance(split, dict) and "by" not in split):
        return {**data, "split": {"by": "group", **(split or {})}}
    return data


class DataOptions(Options):
    """Where the rows are and how they split.

    Attributes:
        path: file, glob, or folder (with the format's files in it); a relative path starts at the
            experiment file's folder.
        format: ``csv`` (with a header), ``jsonl`` (an object a line), ``aligned`` (the files of a
            folder, line by line together), or the dotted path of a reader of one's own; ``.gz`` is
            unpacked.
        delimiter: of csv.
        group: column whose equal values belong together (a document, a patient): kept in one
            split (``split: {by: group}`` is then the default), resampled together when a
            metric's interval is drawn.
        split: how rows fall to train, validate and test.
    """

    path: str
    format: str
    delimiter: str = Field(",", min_length=1, max_length=1)
    group: str | None = None
    split: AnySplit = SplitByHash()

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
        by_row = isinstance(self.split, SplitByHash) and self.split.by == "row"
        if by_row and self.group is not None:
            raise ValueError(
                f"group: {self.group} with split: {{by: row}} would spread a group over the "
                "splits, and what is trained on would judge (write split: {by: group})"
            )
        return self


class ReleaseOptions(Options):
    """What a model must show on the test split before it is pushed.

    Attributes:
        thresholds: bound by metric: at least this much where higher is better, else at most.
        beat_baseline: the gain over the task's trivial baseline must be above zero, at the lower
            end of its bootstrap interval.
        keep_quality: the task's release metric must not fall below the last blessed model's.
        allowed_loss: by how much it may fall all the same.
        confidence: of the interval.
        smallest_test: rows of the test split (groups, where ``data.group`` is set) below which an
            interval means nothing and no model is released.
    """

    thresholds: dict[str, float] = {}
    beat_baseline: bool = True
    keep_quality: bool = True
    allowed_loss: float = Field(0.0, ge=0.0)
    confidence: float = Field(0.95, gt=0.5, lt=1.0)
    smallest_test: int = Field(30, ge=2)

    @model_validator(mode="after")
    def _some_rule(self) -> "ReleaseOptions":
        if not self.thresholds and not self.beat_baseline:
            raise ValueError(
                "nothing that a first model could be judged by: state a threshold, or "
                "beat_baseline: true"
            )
        return self


class IngestConfig(Options):
    """What ingest reads of an experiment.

    Attributes:
        data: the data options, with an absolute path.
        features: by name, with the options that reading depends on.
        task: likewise.
        contents: hash of each local file, by path; none of remote ones.
        code: hash of the code that runs.
    """

    data: DataOptions
    features: dict[str, AnyFeature]
    task: AnyTask
    contents: dict[str, str] = {}
    code: str


class SchemaConfig(Options):
    """What the schema is derived from: the form of each raw feature, the label among them."""

    raw: dict[str, Raw]
    grouped: bool
    code: str


class GateConfig(Options):
    """What the data gate reads."""

    task: AnyTask
    code: str


class TransformConfig(Options):
    """What Transform reads."""

    features: dict[str, AnyFeature]
    task: AnyTask
    code: str


class TuneConfig(Options):
    """What the Tuner reads.

    Attributes:
        features: options by feature name.
        task: the task's options.
        network: the experiment's own options.
        training: the experiment's own options.
        tune: how to search.
        space: what to try.
        code: hash of the code that runs.
    """

    features: dict[str, AnyFeature]
    task: AnyTask
    network: NetworkOptions
    training: TrainingOptions
    tune: TuneOptions
    space: dict[str, Dimension]
    code: str


class TrainConfig(Options):
    """What the Trainer reads.

    Attributes:
        name: of the experiment.
        features: options by feature name.
        task: the task's options.
        network: the experiment's own options.
        training: the experiment's own options.
        space: fields that a search before it may have found better values of.
        code: hash of the code that runs.
    """

    name: str
    features: dict[str, AnyFeature]
    task: AnyTask
    network: NetworkOptions
    training: TrainingOptions
    space: dict[str, Dimension] = {}
    code: str


class EvaluateConfig(Options):
    """What the Evaluator reads."""

    task: AnyTask
    release: ReleaseOptions
    grouped: bool
    code: str
