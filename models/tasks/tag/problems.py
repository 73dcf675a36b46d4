"""What is wrong with the labels that ingest found; imports no TensorFlow."""

from collections.abc import Mapping

from models.options import LabelCount
from models.tasks.tag.schemes import PREFIXES, fits, recognised
from models.written import listed

NAMED = 5
"""Labels that a message names; the others are counted."""

Counts = Mapping[str, LabelCount]


def label_problems(
    column: str, spans: str | None, labels: Mapping[str, Counts]
) -> tuple[list[str], list[str]]:
    """What stops a run, and what is warned of.

    Args:
        column: of the labels.
        spans: their scheme; ``none`` if each stands for itself, None for labels of sequences.
        labels: by split, the count of each label.
    """
    errors, warnings = [], []
    train, each = labels["train"], "row" if spans is None else "step"
    if len(train) < 2:
        found = ", ".join(map(repr, sorted(train))) or "none"
        errors.append(
            f"column {column!r}: the train split needs at least two labels; found {found}"
        )
    if len(labels["test"]) == 1:
        errors.append(
            f"column {column!r}: every {each} of the test split has the label "
            f"{next(iter(labels['test']))!r}, and a model that always says so would look "
            "perfect (add rows, or change data.split)"
        )
    for split, means in (
        ("validate", f"their {each}s are left out while training is watched"),
        ("test", f"their {each}s count as wrong"),
    ):
        unknown = set(labels[split]) - set(train)
        if unknown:
            times = sum(labels[split][label].times for label in unknown)
            warnings.append(
                f"column {column!r}: the {split} split has labels that the train split lacks "
                f"({times} times): {_named(unknown, labels[split])}; {means}"
            )
    if spans is not None:
        told, noticed = _scheme_problems(column, spans, labels)
        errors += told
        warnings += noticed
    return errors, warnings


def _scheme_problems(
    column: str, spans: str, labels: Mapping[str, Counts]
) -> tuple[list[str], list[str]]:
    together: dict[str, LabelCount] = {}
    for counts in labels.values():
        together = {**counts, **together}
    if spans == "none":
        scheme = recognised(together)
        if scheme is None:
            return [], []
        return [], [
            f"column {column!r}: the labels look like spans in {scheme}, and are judged one by one "
            f"(write spans: {scheme} in task to judge and serve whole spans)"
        ]
    wrong = {label for label in together if not fits(label, spans)}
    if not wrong:
        return [], []
    allowed = ", ".join(f"{prefix}-TYPE" for prefix in PREFIXES[spans])
    other = recognised(together)
    mend = f"write spans: {other}" if other else "correct them, or write spans: none"
    return [
        f"column {column!r}: labels that are none of {spans}, whose labels are O, {allowed}: "
        f"{_named(wrong, together)} ({mend}; data.tags turns one scheme into another)"
    ], []


def _named(labels: set[str], counts: Counts) -> str:
    return listed((f"{label!r} ({counts[label].first})" for label in sorted(labels)), NAMED)
