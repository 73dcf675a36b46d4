"""A raw value as a client sends it in JSON: lists of one size, with the lengths beside them."""

import base64
from typing import Any

from models.raw import Raw, RawValue, length_names

PADDING: dict[str, Any] = {"string": "", "float": 0.0, "bytes": {"b64": ""}}


def sent(name: str, form: Raw, value: RawValue) -> dict[str, Any]:
    """The inputs of a row that one feature gives.

    Args:
        name: the feature's.
        form: its form.
        value: as ``form.read`` gives it.

    Returns:
        the value under the name, its lists right-padded to one size along each axis; and for each
        axis of varying length the lengths along it, see ``models.raw.length_names``.
    """
    inputs: dict[str, Any] = {}
    names = length_names(name, form)
    widths: list[int] = []
    parts: list[Any] = [value]
    for _ in names:
        widths.append(max((len(part) for part in parts), default=0))
        parts = [step for part in parts for step in part]
    for axis, key in enumerate(names):
        inputs[key] = _lengths(value, widths[:axis])
    filler = PADDING[form.dtype]
    for size in reversed(form.inner if form.is_sequence else ()):
        filler = [filler] * size
    inputs[name] = _padded(in_json(value), widths, filler)
    return inputs


def _padded(value: Any, widths: list[int], filler: Any) -> Any:
    if not widths:
        return value
    width, *inner = widths
    steps = [_padded(step, inner, filler) for step in value]
    empty = _padded([], inner, filler) if inner else filler
    return steps + [empty] * (width - len(steps))


def _lengths(value: Any, widths: list[int]) -> Any:
    if not widths:
        return len(value)
    width, *inner = widths
    found = [_lengths(step, inner) for step in value]
    empty = _padded([], inner, 0) if inner else 0
    return found + [empty] * (width - len(found))


def in_json(value: RawValue) -> Any:
    """A raw value with bytes as JSON has them; ``Raw.read`` reads them back."""
    if isinstance(value, list):
        return [in_json(step) for step in value]
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    return value
