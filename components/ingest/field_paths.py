"""Paths into nested records: new columns from places inside lists and objects.

    path   = step { step } [ "|text" [ "(" separator ")" ] ]
    step   = name | "[" [ number ] "]", with "." before a name that is not the first step, and with
             "?" after it if what it leads to may be absent
    name   = characters other than . [ ] | ? " ( ), or a JSON string

``name`` enters an object, ``[3]`` takes the item of a list (from 0; ``[-1]`` is the last), ``[]``
takes each item, so every ``[]`` adds a level of lists to the value: ``dialogue[].asr[][0]`` is, for
each turn, the list of the first items of ``asr``.  What a step does not find is an error, but null
if the step ends in ``?``.  ``|text`` makes one text of what is found: text stays, numbers and
truth values are written out, null in a list is empty, and a list is joined, with blanks or with the
separator given: ``acts[]|text(=)`` makes ``food`` and ``food=thai`` of ``"food"`` and ``["food",
"thai"]``.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from models.raw import shown

STEP = re.compile(
    r"""(?P<each>\[\s*\])
      | \[\s*(?P<place>-?\d{1,9})\s*\]
      | (?P<dot>\.?)
        (?: (?P<quoted>"(?:[^"\\]|\\.)*") | (?P<name>[^.\[\]|?"()\s][^.\[\]|?"()]*) )
    """,
    re.VERBOSE,
)
FORM_START = re.compile(r"\s*\|")
FORM = re.compile(r"\s*\|\s*text(?:\((?P<separator>[^()]*)\))?\s*")
SHOWN_KEYS = 8


class Step(NamedTuple):
    """A step: a name, an item's place, or each item (None); and whether it may lead nowhere."""

    key: str | int | None
    optional: bool = False

    def __str__(self) -> str:
        name = f".{self.key}" if isinstance(self.key, str) else ""
        return name or ("[]" if self.key is None else f"[{self.key}]")


class FieldPath(NamedTuple):
    """A path: its steps, and what joins lists where the end is made text (else None)."""

    steps: tuple[Step, ...]
    separator: str | None = None


class PathError(ValueError):
    """A record has nothing at the end of a path; the message says where the path broke off."""


def parse(path: str) -> FieldPath:
    """Reads a path.

    Raises:
        ValueError: the text is none; the message says where and what is read there.
    """
    steps: list[Step] = []
    place = 0
    while place < len(path) and not FORM_START.match(path, place):
        matched = STEP.match(path, place)
        if matched is None or (matched["dot"] is not None and bool(matched["dot"]) != bool(steps)):
            raise ValueError(_misread(path, place))
        key: str | int | None = None
        if matched["place"]:
            key = int(matched["place"])
        elif matched["quoted"]:
            key = _unquoted(matched["quoted"], path, place)
        elif matched["name"]:
            key = matched["name"].rstrip()
        place = matched.end()
        optional = path[place : place + 1] == "?"
        if optional and key is None:
            raise ValueError(_misread(path, place) + " ([] of an empty list is one already)")
        steps.append(Step(key, optional))
        place += optional
    if not steps:
        raise ValueError(_misread(path, place))
    if place == len(path):
        return FieldPath(tuple(steps))
    form = FORM.fullmatch(path, place)
    if form is None:
        raise ValueError(f"{path!r}: {path[place:]!r} came; |text and |text(SEPARATOR) are read")
    return FieldPath(tuple(steps), " " if form["separator"] is None else form["separator"])


def _misread(path: str, place: int) -> str:
    came = repr(path[place:]) if place < len(path) else "the end"
    return (
        f"{path!r}: {came} came, where a name, [], a place such as [0], or |text is read (for "
        'example dialogue[].asr[0][1]; a name with . [ ] | ? " ( ) in it stands in double quotes)'
    )


def _unquoted(quoted: str, path: str, place: int) -> str:
    try:
        return json.loads(quoted)
    except ValueError as error:
        raise ValueError(f"{path!r}: {path[place:]!r} is no JSON string: {error}") from error


def look_up(record: Any, path: FieldPath) -> Any:
    """What a record has at the end of a path.

    Raises:
        PathError: a step leads nowhere.
    """
    found = _follow(record, path.steps, 0, ())
    if path.separator is None:
        return found
    levels = sum(step.key is None for step in path.steps)
    separator = path.separator
    if found is None:
        return None
    return _at_level(found, levels, lambda value: _joined(value, separator))


def _follow(value: Any, steps: tuple[Step, ...], number: int, at: tuple[str, ...]) -> Any:
    while number < len(steps):
        key, optional = steps[number]
        if value is None and number and steps[number - 1].optional:
            return None
        if isinstance(key, str):
            if not isinstance(value, dict):
                raise _wrong(value, at, f"an object with {key!r}")
            if key not in value:
                if optional:
                    return None
                raise PathError(f"{_where(at)} has no {key!r}; it has {_keys(value)}{OPTIONAL}")
            value = value[key]
        elif not isinstance(value, list):
            raise _wrong(value, at, "a list")
        elif key is None:
            following = number + 1
            return [
                _follow(item, steps, following, (*at, f"[{place}]"))
                for place, item in enumerate(value)
            ]
        else:
            if not -len(value) <= key < len(value):
                if optional:
                    return None
                raise PathError(f"{_where(at)} has {len(value)} items, and none at {key}{OPTIONAL}")
            value = value[key]
        at = (*at, str(steps[number]))
        number += 1
    return value


OPTIONAL = " (write ? after a step that may lead nowhere)"


def _wrong(value: Any, at: tuple[str, ...], wanted: str) -> PathError:
    came = "null" if value is None else shown(value)
    return PathError(f"{_where(at)} is {came}, where {wanted} is read")


def _where(at: tuple[str, ...]) -> str:
    return "".join(at).removeprefix(".") or "the record"


def _keys(value: dict[str, Any]) -> str:
    keys = [repr(key) for key in list(value)[:SHOWN_KEYS]]
    more = ["..."] if len(value) > SHOWN_KEYS else []
    return ", ".join(keys + more) or "nothing"


def _at_level(value: Any, levels: int, change: Callable[[Any], Any]) -> Any:
    if levels == 0 or value is None:
        return change(value)
    return [_at_level(item, levels - 1, change) for item in value]


def _joined(value: Any, separator: str) -> str:
    if isinstance(value, list):
        return separator.join(_joined(item, separator) for item in value)
    if isinstance(value, dict):
        raise PathError(f"the object {shown(value)} came, where |text makes text of lists")
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
