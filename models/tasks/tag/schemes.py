"""What the labels of spans are made of: ``O`` outside, else a prefix, a hyphen and the span's type.

``bio`` (also IOB2): ``B`` begins a span, ``I`` goes on with it.  ``bioes``: besides, ``E`` ends it
and ``S`` is a span of one step.  IOB1, whose spans may begin with ``I``, is turned into one of them
when the data are read (``data.tags``).  Imports no TensorFlow.
"""

from collections.abc import Iterable
from typing import Literal

Scheme = Literal["bio", "bioes"]

OUTSIDE = "O"
PREFIXES: dict[str, str] = {"bio": "BI", "bioes": "BIES"}


def parts_of(label: str) -> tuple[str, str]:
    """Prefix and type of a label; ``("O", "")`` outside, and of one without prefix ``I`` and all
    of it, as conlleval has it.
    """
    if label == OUTSIDE:
        return OUTSIDE, ""
    prefix, dash, name = label.partition("-")
    return (prefix, name) if dash and prefix in ("B", "I", "E", "S") else ("I", label)


def fits(label: str, scheme: Scheme) -> bool:
    """Whether a label is one of the scheme's."""
    prefix, dash, name = label.partition("-")
    return label == OUTSIDE or bool(dash and name and prefix and prefix in PREFIXES[scheme])


def recognised(labels: Iterable[str]) -> Scheme | None:
    """The scheme that all labels are of, if some begin a span."""
    labels = set(labels)
    if any(label.startswith("B-") for label in labels):
        for scheme in PREFIXES:
            if all(fits(label, scheme) for label in labels):
                return scheme
    return None


def continues(before: str, after: str) -> bool:
    """Whether a label goes on with, or ends, the span of the label right before it."""
    (ahead, kind), (prefix, name) = parts_of(before), parts_of(after)
    return ahead in ("B", "I") and prefix in ("I", "E") and kind == name


def may_begin(label: str) -> bool:
    """Whether a sequence may begin with a label."""
    return parts_of(label)[0] not in ("I", "E")


def may_end(label: str, scheme: Scheme) -> bool:
    """Whether a sequence may end with a label."""
    return scheme == "bio" or parts_of(label)[0] not in ("B", "I")
