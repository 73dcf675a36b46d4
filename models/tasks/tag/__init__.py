"""Tag: one label for each step of a sequence (many to many, aligned)."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from models.options import FeatureOptions, LabelCount, TaskOptions, checked_label
from models.raw import TEXT, Raw, RawError, RawValue, column_value
from models.spec import Pooling
from models.tasks.aligned import aligned_features
from models.tasks.tag.problems import label_problems
from models.written import Names

SEPARATOR = "="
"""Stands in the counts between the column of the sequence's label and the label."""


class Options(TaskOptions):
    """Options of a tagging task.

    Attributes:
        label: column that holds the labels, as many as the row has steps: a list of strings or, as
            in csv, one text.
        aligned_with: the sequence feature whose steps are labelled, or several that go step by
            step together; may be left out where there is one only.  They may not cut their
            sequences: what is cut would get no answer.
        delimiter: what separates labels that come as one text; blanks if null.
        spans: the scheme of labels that stand for spans, ``bio`` (also called IOB2) or ``bioes``;
            ``none`` where each label stands for itself.
        constrained: whether answers keep to the scheme of ``spans``, as they do if it is left out.
        head: ``softmax`` labels each step for itself, ``crf`` all steps together.
        sequence_label: column of a label of the whole sequence, which is answered too.
        sequence_weight: of the loss of that label, beside 1 for the steps'; 1 if left out.
        sequence_pooling: how the steps become one vector for it, see the network's ``pooling``;
            ``max`` if left out.
    """

    read_by: ClassVar[tuple[str, ...]] = (
        *TaskOptions.read_by,
        "aligned_with",
        "delimiter",
        "sequence_label",
    )
    higher_is_better: ClassVar[dict[str, bool]] = {
        "token_accuracy": True,
        "log_loss": False,
        "sentence_accuracy": True,
        "span_f1": True,
        "span_precision": True,
        "span_recall": True,
        "sequence_label_accuracy": True,
        "sequence_label_log_loss": False,
    }

    aligned_with: Names = ()
    delimiter: str | None = Field(None, min_length=1)
    spans: Literal["bio", "bioes", "none"] = "none"
    constrained: bool | None = None
    head: Literal["softmax", "crf"] = "softmax"
    sequence_label: str | None = Field(None, min_length=1)
    sequence_weight: float | None = Field(None, gt=0.0, le=1000.0)
    sequence_pooling: Pooling | None = None

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Metrics that a release may state a threshold for."""
        found = ("token_accuracy", "log_loss", "sentence_accuracy")
        if self.spans != "none":
            found = ("span_f1", "span_precision", "span_recall", *found)
        if self.sequence_label:
            found = (*found, "sequence_label_accuracy", "sequence_label_log_loss")
        return found

    @property
    def release_metric(self) -> str:
        """The first of them: F1 of the spans, where there are any."""
        return self.metric_names[0]

    @property
    def training_metrics(self) -> tuple[str, ...]:
        """Metrics shown while training."""
        sequence = ("sequence_label_accuracy",) if self.sequence_label else ()
        return (self.release_metric, *sequence)

    @property
    def keeps_to_scheme(self) -> bool:
        """Whether an answer has nothing that the scheme of its spans forbids."""
        return self.spans != "none" and self.constrained is not False

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.constrained is not None and self.spans == "none":
            raise ValueError(
                f"constrained: {str(self.constrained).lower()} without spans: there is no scheme "
                "that answers could keep to (add spans: bio or bioes, or leave it out)"
            )
        for field in ("sequence_weight", "sequence_pooling"):
            if getattr(self, field) is not None and not self.sequence_label:
                raise ValueError(
                    f"{field} without sequence_label, which it is for (name the column of the "
                    "sequence's label, or leave it out)"
                )
        if self.sequence_label == self.label:
            raise ValueError(
                f"sequence_label: {self.label!r} is the column of the steps' labels (name another "
                "one, or leave it out)"
            )
        return self

    @property
    def raw(self) -> Raw:
        return Raw(dtype="string", shape=(None,))

    @property
    def aligned(self) -> tuple[str, ...]:
        return self.aligned_with

    def bound(self, features: Mapping[str, FeatureOptions]) -> Self:
        """Finds the features whose steps are labelled."""
        return self.model_copy(
            update={"aligned_with": aligned_features("tag", self.aligned_with, features)}
        )

    @property
    def targets(self) -> dict[str, Raw]:
        sequence = {self.sequence_label: TEXT} if self.sequence_label else {}
        return {self.label: self.raw, **sequence}

    @property
    def columns(self) -> dict[str, str]:
        sequence = {"task.sequence_label": self.sequence_label} if self.sequence_label else {}
        return {**super().columns, **sequence}

    def read(self, fields: Mapping[str, object]) -> dict[str, RawValue]:
        found = {self.label: self.read_label(fields)}
        if self.sequence_label:
            value = column_value(fields, self.sequence_label)
            if value is None or value == "":
                raise RawError(
                    f"column {self.sequence_label!r} is empty, and a row without the sequence's "
                    "label teaches nothing of it"
                )
            read = TEXT.read(self.sequence_label, value)
            found[self.sequence_label] = checked_label(self.sequence_label, read)
        return found

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
        yield from targets[self.label]
        if self.sequence_label:
            yield f"{self.sequence_label}{SEPARATOR}{targets[self.sequence_label]}"

    def label_problems(
        self, labels: Mapping[str, Mapping[str, LabelCount]]
    ) -> tuple[list[str], list[str]]:
        """Stops at labels that cannot be learnt or judged; warns of those that are not learnt."""
        if not self.sequence_label:
            return label_problems(self.label, self.spans, labels)
        own = f"{self.sequence_label}{SEPARATOR}"
        steps, sequences = (
            {
                split: {
                    name.removeprefix(own) if of_sequence else name: count
                    for name, count in counts.items()
                    if name.startswith(own) == of_sequence
                }
                for split, counts in labels.items()
            }
            for of_sequence in (False, True)
        )
        errors, warnings = label_problems(self.label, self.spans, steps)
        more_errors, more_warnings = label_problems(self.sequence_label, None, sequences)
        return errors + more_errors, warnings + more_warnings
