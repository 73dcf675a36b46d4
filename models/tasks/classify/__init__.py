"""Classify: what a row is (many to one): one label, any number of labels, or a level.

Labels that are a set may also be asked for at each step of a sequence (``aligned_with``): which
notes sound next.  One label at each step is the task ``tag``.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from models.options import FeatureOptions, LabelCount, TaskOptions, checked_label, did_you_mean
from models.raw import TEXT, Raw, RawError, RawValue, column_value, read_text, shown
from models.tasks.aligned import aligned_features
from models.tasks.classify.problems import problems_of_one, problems_of_sets
from models.written import Name, Names, listed

SEPARATOR = "\n"
"""Between the names of a set, which are a line each: a set travels as one text."""
DIRECTIONS = {
    "accuracy": True,
    "log_loss": False,
    "calibration_error": False,
    "macro_f1": True,
    "micro_f1": True,
    "example_f1": True,
    "exact_match": True,
    "mean_absolute_error": False,
    "quadratic_weighted_kappa": True,
}
MOST_JUDGED = 500
"""Labels that are judged each by itself, at most: each has three sums of its own."""
LISTED = 20
"""Labels that a message names where another one came; the others are counted."""

Weights = Annotated[
    Annotated[Literal["none", "balanced"], Tag("name")]
    | Annotated[dict[Name, Annotated[float, Field(gt=0.0)]], Tag("by_label")],
    Discriminator(lambda weights: "by_label" if isinstance(weights, dict) else "name"),
]
"""Discriminated, so that a mistake is told once."""


class Options(TaskOptions):
    """Options of a classification task.

    Attributes:
        label: column that holds the label; read as text, so ``1`` and ``spam`` are both names.
            Where ``answer`` is ``multi``: a list of labels or, as in csv, one text; a list of
            such where each step is answered.
        answer: ``single``, one label of several that exclude each other; ``multi``, any number of
            labels; ``ordinal``, one level of several in order.
        labels: the labels, where they are known: a row with another one is a bad row then, and
            ``macro_f1`` is judged.  Those of ``ordinal``, which must be stated, stand from the
            lowest to the highest.
        delimiter: what separates the labels of a set that comes as one text.
        aligned_with: the sequence feature whose steps are answered, each with a set of labels;
            several may be named, whose steps go together.
        threshold: score from which on a label belongs to the set that is answered.
        class_weights: what each label weighs in the loss: ``none``, the same; ``balanced``, the
            rarer the more, as scikit-learn has it; or the labels' weights by name, 1 if left out.
        calibrate: whether scores are brought to what they promise, by a temperature fitted on the
            validate split.  It never changes which label scores highest.
    """

    read_by: ClassVar[tuple[str, ...]] = (
        *TaskOptions.read_by,
        *("answer", "labels", "delimiter", "aligned_with"),
    )
    higher_is_better: ClassVar[dict[str, bool]] = DIRECTIONS

    answer: Literal["single", "multi", "ordinal"] = "single"
    labels: list[Name] | None = Field(None, min_length=1)
    delimiter: str = Field(",", min_length=1)
    aligned_with: Names = ()
    threshold: float = Field(0.5, gt=0.0, lt=1.0)
    class_weights: Weights = "none"
    calibrate: bool = True

    @field_validator("labels")
    @classmethod
    def _labels_are_names(cls, labels: list[str] | None) -> list[str] | None:
        for label in labels or ():
            try:
                checked_label("labels", label)
            except RawError as error:
                raise ValueError(
                    f"{label!r} is no label: it is a line that is not empty"
                ) from error
            if labels.count(label) > 1:
                raise ValueError(f"{label!r} stands there twice; each label stands once")
        return labels

    @model_validator(mode="after")
    def _options_go_together(self) -> Self:
        if self.answer == "ordinal" and len(self.labels or ()) < 2:
            raise ValueError(
                "answer: ordinal asks for labels:, two at least, from the lowest to the highest"
            )
        if self.answer == "single" and len(self.labels or "ab") < 2:
            raise ValueError(f"labels: {self.labels}: a row has one of two labels at least")
        if self.answer != "multi":
            fields = type(self).model_fields
            for name in ("delimiter", "aligned_with", "threshold"):
                if getattr(self, name) != fields[name].default:
                    raise ValueError(
                        f"{name}: is for answer: multi, and the answer is {self.answer} (leave it "
                        "out" + ("; one label a step is task tag)" if "with" in name else ")")
                    )
        if isinstance(self.class_weights, dict):
            self.check_weights(self.labels)
        return self

    def check_weights(self, labels: Iterable[str] | None) -> None:
        """Whether all labels that have a weight exist.

        Args:
            labels: those that do; None if that is not known yet.

        Raises:
            ValueError: one does not.
        """
        problem = None if labels is None else self.weights_problem(labels)
        if problem:
            raise ValueError(problem)

    def weights_problem(self, labels: Iterable[str]) -> str | None:
        """What is wrong with the labels that have a weight, given those that there are."""
        known = sorted(labels)
        for name in self.class_weights if isinstance(self.class_weights, dict) else ():
            if name not in known:
                near, there = did_you_mean(name, known), listed(map(repr, known), LISTED)
                return f"class_weights: {name!r} is no label{near} (there are {there})"
        return None

    @property
    def metric_names(self) -> tuple[str, ...]:
        named = {
            "single": ("accuracy", "log_loss", "calibration_error"),
            "multi": ("micro_f1", "example_f1", "exact_match", "log_loss", "calibration_error"),
            "ordinal": (
                *("quadratic_weighted_kappa", "mean_absolute_error"),
                *("accuracy", "log_loss", "calibration_error"),
            ),
        }[self.answer]
        return (*named, "macro_f1") if self.judged_each else named

    @property
    def judged_each(self) -> tuple[str, ...]:
        """The labels that are judged each by itself; none where they are not stated."""
        return () if self.labels is None or self.answer == "ordinal" else tuple(self.labels)

    @property
    def release_metric(self) -> str:
        return {
            "single": "accuracy",
            "multi": "micro_f1",
            "ordinal": "quadratic_weighted_kappa",
        }[self.answer]

    @property
    def training_metrics(self) -> tuple[str, ...]:
        return {
            "single": ("accuracy",),
            "multi": ("micro_f1",),
            "ordinal": ("accuracy", "mean_absolute_error"),
        }[self.answer]

    @property
    def raw(self) -> Raw:
        """A text a row, or one a step; the labels of a set stand in it a line each."""
        return TEXT.of_steps() if self.aligned_with else TEXT

    @property
    def aligned(self) -> tuple[str, ...]:
        return self.aligned_with

    def bound(self, features: Mapping[str, FeatureOptions]) -> Self:
        """Checks the features whose steps are answered, and what is judged."""
        if len(self.judged_each) > MOST_JUDGED:
            raise ValueError(
                f"labels: {len(self.judged_each)} came, and at most {MOST_JUDGED} can be judged "
                "each by itself (leave labels: out)"
            )
        if self.aligned_with:
            aligned_features("classify", self.aligned_with, features)
        return self

    def read_label(self, fields: Mapping[str, Any]) -> RawValue:
        if self.answer != "multi":
            return self._known(super().read_label(fields))
        value = column_value(fields, self.label)
        if hasattr(value, "tolist"):
            value = value.tolist()
        if value is None:
            raise RawError(
                f"column {self.label!r} is null, and a row without labels teaches nothing (an "
                "empty list says that it has none)"
            )
        if not self.aligned_with:
            return self._set(self.label, value)
        if isinstance(value, str):
            value = value.split()
        if not isinstance(value, list) or not value:
            raise RawError(
                f"column {self.label!r} is {shown(value)}, where a list of sets of labels is read, "
                "one a step"
            )
        return [self._set(f"{self.label}[{index}]", step) for index, step in enumerate(value)]

    def _known(self, label: RawValue) -> str:
        label = checked_label(self.label, str(label))
        if self.labels is not None and label not in self.labels:
            near = did_you_mean(label, self.labels)
            raise RawError(
                f"column {self.label!r} is {shown(label)}, and task.labels has no such label{near} "
                f"(there are {listed(map(repr, self.labels), LISTED)})"
            )
        return label

    def _set(self, where: str, value: Any) -> str:
        """The names of a set, each once, in their order."""
        if isinstance(value, list):
            names = [read_text(where, name) for name in value]
        else:
            names = [name.strip() for name in read_text(where, value).split(self.delimiter)]
            names = [] if names == [""] else names
        return SEPARATOR.join(sorted({self._known(name) for name in names}))

    def check_row(self, targets: Mapping[str, RawValue], values: Mapping[str, RawValue]) -> None:
        super().check_row(targets, values)
        for name in self.aligned[:1]:
            steps, sets = len(values[name]), len(targets[self.label])
            if steps != sets:
                raise RawError(
                    f"feature {name!r} has {steps} steps, but column {self.label!r} has {sets} "
                    "sets of labels; every step has one, if only an empty one"
                )

    def counted(self, targets: Mapping[str, RawValue]) -> Iterable[str]:
        value = targets[self.label]
        steps = [value] if isinstance(value, str) else value
        if self.answer != "multi":
            return steps
        return [name for step in steps for name in step.split(SEPARATOR) if name]

    def label_problems(
        self, labels: Mapping[str, Mapping[str, LabelCount]]
    ) -> tuple[list[str], list[str]]:
        """Stops at labels that cannot be learnt; warns of those that cannot be judged."""
        problems = problems_of_sets if self.answer == "multi" else problems_of_one
        errors, warnings = problems(self.label, labels)
        found = {name for counts in labels.values() for name in counts}
        warnings += [
            f"task.labels: {name!r} stands there, but no row has it: it cannot be learnt"
            for name in self.labels or ()
            if name not in found
        ]
        problem = self.weights_problem(self.labels or labels["train"])
        return ([*errors, f"task.{problem}"] if problem else errors), warnings
