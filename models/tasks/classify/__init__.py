"""Classify: one label a row (many to one)."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from models.options import LabelCount, TaskOptions, checked_label
from models.raw import RawValue


class Options(TaskOptions):
    """Options of a classification task.

    Attributes:
        label: column that holds the label; read as text, so ``1`` and ``spam`` are both names.
    """

    metric_names: ClassVar[tuple[str, ...]] = ("accuracy", "log_loss")
    release_metric: ClassVar[str] = "accuracy"
    training_metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    higher_is_better: ClassVar[dict[str, bool]] = {"accuracy": True, "log_loss": False}

    def read_label(self, fields: Mapping[str, object]) -> RawValue:
        return checked_label(self.label, super().read_label(fields))

    def counted(self, targets: Mapping[str, RawValue]) -> Iterable[str]:
        return (targets[self.label],)

    def label_problems(
        self, labels: Mapping[str, Mapping[str, LabelCount]]
    ) -> tuple[list[str], list[str]]:
        """Stops at labels that cannot be learnt; warns of those that cannot be judged."""
        errors, warnings = [], []
        train = labels["train"]
        if len(train) < 2:
            found = ", ".join(map(repr, sorted(train))) or "none"
            errors.append(
                f"column {self.label!r}: the train split needs at least two labels; found {found}"
            )
        if len(labels["test"]) == 1:
            errors.append(
                f"column {self.label!r}: every row of the test split has the label "
                f"{next(iter(labels['test']))!r}, and a model that always says so would look "
                "perfect (add rows, or change data.split)"
            )
        everywhere: dict[str, list[LabelCount]] = {}
        for counts in labels.values():
            for label, count in counts.items():
                everywhere.setdefault(label, []).append(count)
        for label, counts in sorted(everywhere.items()):
            rows = sum(count.times for count in counts)
            if rows == 1:
                errors.append(
                    f"{counts[0].first}: label {label!r} occurs in this row only, and one row "
                    "cannot be both learnt and judged (correct it, merge it with another label, "
                    "remove the row, or add rows)"
                )
            elif label not in train:
                errors.append(
                    f"{counts[0].first}: label {label!r} ({rows} rows) never occurs in the train "
                    "split (add rows, or change data.split)"
                )
            else:
                warnings += [
                    f"label {label!r} has no row in the {split} split: "
                    + ("its quality is not judged" if split == "test" else "it is not validated")
                    for split in ("validate", "test")
                    if label not in labels[split]
                ]
        return errors, warnings
