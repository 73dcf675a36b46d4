"""Tag: one label for each step of a sequence (many to many, aligned)."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Self

from pydantic import Field, field_validator

from models.options import FeatureOptions, LabelCount, TaskOptions, checked_label
from models.raw import Raw, RawError, RawValue
from models.tasks.aligned import aligned_features

NAMED = 5
"""Labels that a warning names; the others are counted."""


class Options(TaskOptions):
    """Options of a tagging task.

    Attributes:
        label: column that holds the labels, as many as the row has steps: a list of strings or, as
            in csv, one text.
        aligned_with: the sequence feature whose steps are labelled, or several that go step by
            step together; may be left out where there is one only.  They may not cut their
            sequences: what is cut would get no answer.
        delimiter: what separates labels that come as one text; blanks if null.
    """

    read_by: ClassVar[tuple[str, ...]] = (*TaskOptions.read_by, "aligned_with", "delimiter")
    metric_names: ClassVar[tuple[str, ...]] = ("token_accuracy", "log_loss")
    release_metric: ClassVar[str] = "token_accuracy"
    training_metrics: ClassVar[tuple[str, ...]] = ("token_accuracy",)
    higher_is_better: ClassVar[dict[str, bool]] = {"token_accuracy": True, "log_loss": False}

    aligned_with: tuple[str, ...] = ()
    delimiter: str | None = Field(None, min_length=1)

    @property
    def raw(self) -> Raw:
        return Raw(dtype="string", shape=(None,))

    @field_validator("aligned_with", mode="before")
    @classmethod
    def _one_or_several(cls, names: object) -> object:
        return (names,) if isinstance(names, str) else names

    @property
    def aligned(self) -> tuple[str, ...]:
        return self.aligned_with

    def bound(self, features: Mapping[str, FeatureOptions]) -> Self:
        """Finds the features whose steps are labelled."""
        return self.model_copy(
            update={"aligned_with": aligned_features("tag", self.aligned_with, features)}
        )

    def read_label(self, fields: Mapping[str, object]) -> RawValue:
        value = super().read_label(fields)
        if not value:
            raise RawError(
                f"column {self.label!r} is empty, and a row without labels teaches nothing"
            )
        return [checked_label(self.label, label) for label in value]

    def read_present(self, value: object) -> RawValue:
        return self.raw.read(self.label, value, self.delimiter)

    def check_row(self, targets: Mapping[str, RawValue], values: Mapping[str, RawValue]) -> None:
        super().check_row(targets, values)
        steps, labels = len(values[self.aligned[0]]), len(targets[self.label])
        if steps != labels:
            raise RawError(
                f"feature {self.aligned[0]!r} has {steps} steps, but column {self.label!r} has "
                f"{labels} labels; every step has one (correct the row; is a delimiter missing?)"
            )

    def counted(self, targets: Mapping[str, RawValue]) -> Iterable[str]:
        return targets[self.label]

    def label_problems(
        self, labels: Mapping[str, Mapping[str, LabelCount]]
    ) -> tuple[list[str], list[str]]:
        """Stops at labels that cannot be learnt or judged; warns of those that are not learnt."""
        errors, warnings = [], []
        train = labels["train"]
        if len(train) < 2:
            found = ", ".join(map(repr, sorted(train))) or "none"
            errors.append(
                f"column {self.label!r}: the train split needs at least two labels; found {found}"
            )
        if len(labels["test"]) == 1:
            errors.append(
                f"column {self.label!r}: every step of the test split has the label "
                f"{next(iter(labels['test']))!r}, and a model that always says so would look "
                "perfect (add rows, or change data.split)"
            )
        for split, means in (
            ("validate", "their steps are left out while training is watched"),
            ("test", "their steps count as wrong"),
        ):
            unknown = sorted(set(labels[split]) - set(train))
            if unknown:
                steps = sum(labels[split][label].times for label in unknown)
                named = ", ".join(
                    f"{label!r} ({labels[split][label].first})" for label in unknown[:NAMED]
                )
                more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
                warnings.append(
                    f"the {split} split has labels that the train split lacks ({steps} times): "
                    f"{named}{more}; {means}"
                )
        return errors, warnings
