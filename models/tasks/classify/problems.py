"""What is wrong with the labels that ingest found: errors, which stop the run, and warnings."""

from collections.abc import Mapping

from models.options import LabelCount
from models.written import listed

NAMED = 5
"""Labels that a warning names; the others are counted."""

Counts = Mapping[str, Mapping[str, LabelCount]]
"""By split (``train``, ``validate``, ``test``), the count of each label."""


def problems_of_one(column: str, labels: Counts) -> tuple[list[str], list[str]]:
    """Problems where a row has one label.

    Args:
        column: that holds it.
        labels: how often each occurs.
    """
    errors, warnings = [], []
    train = labels["train"]
    if len(train) < 2:
        found = ", ".join(map(repr, sorted(train))) or "none"
        errors.append(
            f"column {column!r}: the train split needs at least two labels; found {found}"
        )
    if len(labels["test"]) == 1:
        errors.append(
            f"column {column!r}: every row of the test split has the label "
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


def problems_of_sets(column: str, labels: Counts) -> tuple[list[str], list[str]]:
    """Problems where a row, or a step, has any number of labels; see ``problems_of_one``."""
    errors = [
        f"column {column!r}: no row of the {split} split has "
        "a label, so there is nothing to " + ("learn" if split == "train" else "judge")
        for split in ("train", "test")
        if not labels[split]
    ]
    warnings = []
    for split, means in (
        ("validate", "they are left out while training is watched"),
        ("test", "they count as missed"),
    ):
        unknown = sorted(set(labels[split]) - set(labels["train"]))
        if unknown:
            times = sum(labels[split][label].times for label in unknown)
            named = listed(
                (f"{label!r} ({labels[split][label].first})" for label in unknown), NAMED
            )
            warnings.append(
                f"the {split} split has labels that the train split lacks ({times} times): "
                f"{named}; {means}"
            )
    for split, means in (("validate", "they are not validated"), ("test", "they are not judged")):
        lacking = sorted(set(labels["train"]) - set(labels[split]))
        if lacking:
            warnings.append(
                f"the {split} split lacks labels that the train split has: "
                f"{listed(map(repr, lacking), NAMED)}; {means}"
            )
    return errors, warnings
