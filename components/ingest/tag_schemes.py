"""Tags of a sequence's steps, and the spans they stand for, in three schemes.

* ``iob1`` (Ramshaw and Marcus 1995, https://aclanthology.org/W95-0107/): a span's steps are
  ``I-X``; its first is ``B-X`` only where a span of the same label ends right before it.
* ``iob2`` (Tjong Kim Sang and Veenstra 1999, https://aclanthology.org/E99-1023/): a span's first
  step is ``B-X``, the others are ``I-X``.
* ``bioes`` (Ratinov and Roth 2009, https://aclanthology.org/W09-1119/): as ``iob2``, but the last
  step is ``E-X``, and the step of a span of one is ``S-X``.

``O`` is a step outside all spans.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Scheme = Literal["iob1", "iob2", "bioes"]

OUTSIDE = "O"
PREFIXES: dict[str, str] = {"iob1": "IB", "iob2": "BI", "bioes": "BIES"}


class Span(NamedTuple):
    """Steps ``start`` to ``end`` (one beyond the last), which have a label."""

    start: int
    end: int
    label: str


class TagError(ValueError):
    """Tags that are none of their scheme; the message names the tag and what is allowed.

    Attributes:
        step: the tag's place, from 0.
    """

    def __init__(self, step: int, message: str):
        super().__init__(message)
        self.step = step


def spans_of(tags: Sequence[str], scheme: Scheme) -> list[Span]:
    """The spans of a sequence, in order.

    Args:
        tags: a tag a step.
        scheme: theirs.  ``iob1`` takes a ``B-X`` that it does not need.

    Raises:
        TagError: a tag is none of the scheme, or none that may follow the one before it.
    """
    spans: list[Span] = []
    open_at: int | None = None
    label = ""
    for step, tag in enumerate(tags):
        prefix, current = _parts(tag, step, scheme)
        continues = open_at is not None and prefix in "IE" and current == label
        if scheme != "iob1":
            _check_order(tags, step, prefix, continues, open_at is not None, scheme)
        if open_at is not None and not continues:
            spans.append(Span(open_at, step, label))
            open_at = None
        if prefix != OUTSIDE and not continues:
            open_at, label = step, current
        if scheme == "bioes" and prefix in "ES":
            assert open_at is not None, "a span that ends has begun"
            spans.append(Span(open_at, step + 1, label))
            open_at = None
    if open_at is not None:
        if scheme == "bioes":
            problem = f"the sequence ends inside a span ({tags[-1]!r}), which E- or S- would end"
            raise TagError(len(tags) - 1, f"{problem}; {_hint(scheme)}")
        spans.append(Span(open_at, len(tags), label))
    return spans


def _parts(tag: str, step: int, scheme: Scheme) -> tuple[str, str]:
    if tag == OUTSIDE:
        return OUTSIDE, ""
    prefix, dash, label = tag.partition("-")
    if not dash or not label or len(prefix) != 1 or prefix not in PREFIXES[scheme]:
        allowed = ", ".join(f"{letter}-LABEL" for letter in PREFIXES[scheme])
        raise TagError(step, f"tag {tag!r} is none of {scheme}, whose tags are O, {allowed}")
    return prefix, label


def _check_order(
    tags: Sequence[str], step: int, prefix: str, continues: bool, is_open: bool, scheme: Scheme
) -> None:
    before = repr(tags[step - 1]) if step else "the start"
    dangling = prefix in "IE" and not continues
    unfinished = scheme == "bioes" and is_open and not continues
    if dangling or unfinished:
        raise TagError(step, f"tag {tags[step]!r} after {before} is no {scheme}; {_hint(scheme)}")


def _hint(scheme: Scheme) -> str:
    others = " or ".join(other for other in PREFIXES if other != scheme)
    return f"are the tags {others}? correct them, or name their scheme"


def tags_of(spans: Iterable[Span], length: int, scheme: Scheme) -> list[str]:
    """The tags of a sequence.

    Args:
        spans: in any order.
        length: steps of the sequence.
        scheme: of the tags.

    Raises:
        ValueError: a span is empty, has no label, lies outside, or two of them share a step.
    """
    tags = [OUTSIDE] * length
    last: Span | None = None
    for span in sorted(spans):
        start, end, label = span
        if not 0 <= start < end <= length or not label:
            raise ValueError(f"{span} is no span of a sequence of {length} steps")
        if last is not None and start < last.end:
            raise ValueError(f"{last} and {span} share a step")
        tags[start:end] = [f"I-{label}"] * (end - start)
        touches = last is not None and last.end == start and last.label == label
        if scheme != "iob1" or touches:
            tags[start] = f"B-{label}"
        if scheme == "bioes":
            tags[end - 1] = f"S-{label}" if end == start + 1 else f"E-{label}"
        last = span
    return tags


def convert(tags: Sequence[str], given: Scheme, wanted: Scheme) -> list[str]:
    """Tags of one scheme as another's; the spans are the same.

    Raises:
        TagError: the tags are none of the given scheme.
    """
    return tags_of(spans_of(tags, given), len(tags), wanted)
