"""Options of the release, and what each node reads of an experiment.

A node's configuration is serialised into the node and is part of its cache key, so it holds that
node's share of the experiment and nothing else.  Importing this module imports no TensorFlow.
"""

from pydantic import Field, model_validator

from components.ingest.options import AnyData
from components.validate.options import ValidateOptions
from models.options import AnyFeature, AnyTask, Options
from models.raw import Raw
from models.search_space import Dimension, TuneOptions
from models.spec import NetworkOptions, TrainingOptions

ID_FEATURE = "_id"
"""Feature of every example: ``file:line`` of its row."""
GROUP_FEATURE = "_group"
"""Feature of every example where ``data.group`` is set."""
SLICE_PREFIX = "_slice_"
"""Before the column's name: feature of every example for a column of ``release.slices``."""

TRANSFORM_KEY, TUNE_KEY, TRAIN_KEY = "transform", "tune", "train"
"""Under which ``custom_config`` holds a node's share of the experiment."""

RESUME, FINISHED = ".resume", "finished"
"""Folder beside a node's outputs of what killed executions had done, one a setting; and the file in
one of them that says that it is not needed any more."""


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
        slices: columns by whose values the metrics are also told, each value by itself; no rule
            looks at them.
    """

    thresholds: dict[str, float] = {}
    beat_baseline: bool = True
    keep_quality: bool = True
    allowed_loss: float = Field(0.0, ge=0.0)
    confidence: float = Field(0.95, gt=0.5, lt=1.0)
    smallest_test: int = Field(30, ge=2)
    slices: tuple[str, ...] = ()

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
        slices: columns that examples have as text, for the metrics to be told by.
        contents: hash of each local file, by path; none of remote ones.
        code: hash of the code that runs.
    """

    data: AnyData
    features: dict[str, AnyFeature]
    task: AnyTask | None
    slices: tuple[str, ...] = ()
    contents: dict[str, str] = {}
    code: str


class SchemaConfig(Options):
    """What the schema is derived from: the form of each raw feature, with those that a row is
    judged by and told by.
    """

    raw: dict[str, Raw]
    grouped: bool
    code: str


class ProfileConfig(Options):
    """What is profiled of the examples: how many tokens and steps each feature makes of a row."""

    features: dict[str, AnyFeature]
    code: str


class ValidationConfig(Options):
    """What the data are held against.

    Attributes:
        form: what the schema is derived from.
        categories: features whose values are a closed set, the label among them.
        compared: features whose values are compared with those of other data.
        contract: the schema file; None on the first run, which completes the experiment's schema.
        drift: largest distance from the last blessed run's data; None if it is not measured.
        skew: largest distance of the other splits from the train split; likewise.
        code: hash of the code that runs.
    """

    form: SchemaConfig
    categories: list[str]
    compared: list[str]
    contract: str | None
    drift: float | None
    skew: float | None
    code: str


class GateConfig(Options):
    """What the data gate reads.

    Attributes:
        features: by name.
        task: the task, if there is one.
        options: what stops the run.
        code: hash of the code that runs.
    """

    features: dict[str, AnyFeature]
    task: AnyTask | None
    options: ValidateOptions
    code: str


class TransformConfig(Options):
    """What Transform reads."""

    features: dict[str, AnyFeature]
    task: AnyTask | None
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
