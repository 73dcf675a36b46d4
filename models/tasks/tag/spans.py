"""The spans that labels stand for, by the definition of conlleval.

A span begins at a label whose type is another than that of the label before; at ``B`` or ``S``; and
behind ``O``, ``E`` or ``S``.  It goes on up to the next beginning or ``O``.  So every sequence of
labels has spans, also one that its scheme does not allow (``O I-X``), as in the script of the CoNLL
shared tasks (Tjong Kim Sang and Buchholz 2000, https://aclanthology.org/W00-0726/).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from models.layers.crf import NOTHING
from models.tasks.tag.schemes import OUTSIDE, Scheme, continues, fits, may_begin, may_end, parts_of


class Marks(NamedTuple):
    """What labels say of spans, by their place in a list of labels.

    Attributes:
        inside: whether it is of a span, bool ``[labels]``.
        begins: whether it always begins one.
        closes: whether what follows begins another one.
        types: place of the type in ``names``, int32 ``[labels]``; -1 outside.
        names: the types in the order in which they are met.
    """

    inside: np.ndarray
    begins: np.ndarray
    closes: np.ndarray
    types: np.ndarray
    names: list[str]


def marks_of(labels: Sequence[str]) -> Marks:
    """What each label of a list says of spans."""
    names: dict[str, int] = {}
    prefixes, types = [], []
    for label in labels:
        prefix, name = parts_of(label)
        prefixes.append(prefix)
        types.append(-1 if prefix == OUTSIDE else names.setdefault(name, len(names)))
    return Marks(
        np.array([prefix != OUTSIDE for prefix in prefixes], bool),
        np.array([prefix in ("B", "S") for prefix in prefixes], bool),
        np.array([prefix in ("E", "S") for prefix in prefixes], bool),
        np.array(types, np.int32),
        list(names),
    )


def edges(inside: Any, begins: Any, closes: Any, types: Any, arrays: Any = np) -> tuple[Any, Any]:
    """Where spans begin and end: the first and the last step of each.

    Args:
        inside: see ``Marks``, of the label of each step, bool ``[batch, time]``; as the others.
        begins: see there.
        closes: see there.
        types: see there.
        arrays: whose functions are used, ``numpy`` or ``keras.ops``.

    Returns:
        bool ``[batch, time]`` both.
    """
    outside = arrays.zeros_like(inside[:, :1])
    # What stands before the first step and behind the last one is outside of all.
    before = arrays.concatenate([outside, inside[:, :-1]], axis=1)
    closed = arrays.concatenate([outside, closes[:, :-1]], axis=1)
    changed = arrays.concatenate([outside, types[:, 1:] != types[:, :-1]], axis=1)
    firsts = inside & (begins | ~before | closed | changed)
    after = arrays.concatenate([inside[:, 1:] & ~firsts[:, 1:], outside], axis=1)
    return firsts, inside & ~after


def spans_of(labels: Sequence[str]) -> set[tuple[int, int, str]]:
    """The spans of a sequence: first step, one beyond the last, type."""
    if not len(labels):
        return set()
    marks = marks_of(labels)
    firsts, lasts = edges(*(mark[None] for mark in marks[:4]))
    return {
        (int(first), int(last) + 1, marks.names[marks.types[first]])
        for first, last in zip(np.flatnonzero(firsts), np.flatnonzero(lasts), strict=True)
    }


class Allowed(NamedTuple):
    """What is added to scores so that an answer keeps to its scheme: 0, or ``NOTHING``.

    Attributes:
        transitions: from the first label to the second, float32 ``[labels, labels]``.
        starts: ``[labels]``.
        ends: ``[labels]``.
    """

    transitions: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


def allowed(labels: Sequence[str], scheme: Scheme) -> Allowed:
    """What the scheme allows, of these labels.

    A type that lacks a label which its spans could not do without (``B``; in ``bioes`` ``B`` or
    ``E``) is left free, since what the scheme demands could not be answered.
    """
    needed = ("B",) if scheme == "bio" else ("B", "E")
    known = {parts_of(label) for label in labels}

    def bound(label: str) -> bool:
        name = parts_of(label)[1]
        return fits(label, scheme) and all((prefix, name) in known for prefix in needed)

    dangling = {label for label in labels if bound(label) and not may_begin(label)}
    unfinished = {label for label in labels if bound(label) and not may_end(label, scheme)}
    transitions = [
        [
            (before in unfinished or after in dangling) and not continues(before, after)
            for after in labels
        ]
        for before in labels
    ]
    forbidden = (
        transitions,
        [label in dangling for label in labels],
        [label in unfinished for label in labels],
    )
    return Allowed(*(np.where(part, NOTHING, 0.0).astype(np.float32) for part in forbidden))
