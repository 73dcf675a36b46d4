"""Data against an options class: every mistake as a problem with its field and its remedy."""

import re
import typing
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from models.options import did_you_mean
from pipeline.yaml_positions import Path, Problem


def check_options(
    options: type[BaseModel], value: Any, path: Path, problems: list[Problem]
) -> BaseModel | None:
    """Reads options.

    Args:
        options: their class.
        value: the data of a file.
        path: where the value stands in it.
        problems: gets what is wrong.

    Returns:
        the options, or None if anything is wrong.
    """
    if not isinstance(value, dict):
        problems.append(_no_fields(options, value, path))
        return None
    try:
        return options.model_validate(value)
    except ValidationError as error:
        problems += [_problem(options, path, detail) for detail in error.errors()]
        return None


def unknown_keys(
    data: dict[str, Any], known: Iterable[str], path: Path, problems: list[Problem]
) -> None:
    """Reports the keys of a mapping that are not among the known ones."""
    problems += [_unknown((*path, key), list(known)) for key in data if key not in known]


def not_allowed(path: Path, came: Any, allowed: Iterable[str]) -> Problem:
    """The problem of a value that is none of the allowed ones."""
    allowed = list(allowed)
    return Problem(
        path, f"{came!r} came; allowed: {', '.join(allowed)}{did_you_mean(came, allowed)}"
    )


def _unknown(path: Path, known: Sequence[str]) -> Problem:
    hint = did_you_mean(path[-1], known) or ";"
    return Problem(path, f"unknown option{hint} allowed: {', '.join(known)}")


def _no_fields(options: type[BaseModel], value: Any, path: Path) -> Problem:
    return Problem(path, f"{value!r} came, where fields are read: {', '.join(_keys(options))}")


def _problem(options: type[BaseModel], path: Path, detail: Any) -> Problem:
    inner = tuple(detail["loc"])
    where = (*path, *inner)
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return _unknown(where, _keys(_options_at(options, inner[:-1])))
    if detail["type"] == "missing":
        return Problem(where, "is missing; it has no default")
    if detail["type"] == "literal_error":
        return not_allowed(where, detail["input"], re.findall(r"'([^']*)'", message))
    if detail["type"] == "value_error":
        return Problem(where, message)
    if detail["type"] in ("model_type", "model_attributes_type"):
        return _no_fields(_options_at(options, inner), detail["input"], where)
    message = message[0].lower() + message[1:]
    return Problem(where, f"{detail['input']!r} came; {message}")


def _options_at(options: type[BaseModel], loc: Iterable[str | int]) -> type[BaseModel]:
    """The options class at a place inside another; positions and keys of containers stay in it."""
    for key in loc:
        for name, field in options.model_fields.items():
            if key in (name, field.alias):
                options = _options_in(field.annotation) or options
                break
    return options


def _options_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = map(_options_in, typing.get_args(annotation))
    return next((options for options in inner if options is not None), None)


def _keys(options: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in options.model_fields.items()]
