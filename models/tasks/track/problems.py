"""What can be wrong with the goals of a data set, by the counts of ingest."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from models.options import LabelCount
from models.written import listed

NAMED = 5
"""Values that a warning names; the others are counted."""


def goal_problems(
    labels: Mapping[str, Mapping[str, LabelCount]],
    stated: Mapping[str, AbstractSet[str]],
    none: str,
    flags: Sequence[str],
) -> tuple[list[str], list[str]]:
    """Errors and warnings, see ``TaskOptions.label_problems``.

    Args:
        labels: by split, the count of each ``slot=value`` and ``flag=yes`` or ``=no``.
        stated: values that the task knows without the train split, by slot.
        none: the value of a slot of which nothing was said.
        flags: what is answered by yes or no.
    """
    errors, warnings = [], []
    for slot, known in stated.items():
        train = _values(labels["train"], slot)
        if not set(train) - {none}:
            errors.append(
                f"slot {slot!r} never has a value in the train split (is it called otherwise in "
                "the data? then say so with called:; or take it out)"
            )
        for split, means in (
            ("validate", "these turns are left out of its loss"),
            ("test", "these turns count as wrong"),
        ):
            unknown = sorted(set(_values(labels[split], slot)) - set(train) - known)
            if unknown:
                found = _values(labels[split], slot)
                turns = sum(found[value].times for value in unknown)
                named = listed((f"{value!r} ({found[value].first})" for value in unknown), NAMED)
                warnings.append(
                    f"slot {slot!r} has values in the {split} split that neither the train split "
                    f"nor its values: have ({turns} turns): {named}; {means}"
                )
    for flag in flags:
        if len(_values(labels["train"], flag)) < 2:
            (only,) = _values(labels["train"], flag) or ("nothing",)
            errors.append(f"{flag} is always {only} in the train split (take it out)")
    return errors, warnings


def _values(labels: Mapping[str, LabelCount], slot: str) -> dict[str, LabelCount]:
    begin = f"{slot}="
    return {
        label.removeprefix(begin): count
        for label, count in labels.items()
        if label.startswith(begin)
    }
