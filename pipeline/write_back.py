"""Writes values into an experiment file, leaving everything else in it as it is.

The text is edited where YAML says that a value stands, so comments, order and quotes stay.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

import yaml

from pipeline.experiment import ExperimentError, load


def write_values(path: str, values: Mapping[str, Any]) -> list[str]:
    """Changes fields of an experiment file.

    Args:
        path: the file.
        values: by field in dots, ``network.units``.

    Returns:
        a line for each field, with what stood there before.

    Raises:
        ExperimentError: the values cannot be written so that the file reads well; it is unchanged.
    """
    with open(path, encoding="utf-8") as file:
        before = text = file.read()
    lines = []
    for field, value in values.items():
        text, old = _with_value(text, field.split("."), _yaml(value))
        lines.append(f"{path}: {field}: {_yaml(value)}" + (f" (was {old})" if old else " (new)"))
    if text == before:
        return []
    # Beside the file, since a path in it starts at its folder.
    partial = f"{path}.partial"
    try:
        with open(partial, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            load(partial)
        except ExperimentError as error:
            wanted = ", ".join(f"{field}: {_yaml(value)}" for field, value in values.items())
            raise ExperimentError(
                f"{path} is unchanged, since it would not be read any more with {wanted}:\n{error}"
            ) from error
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.remove(partial)
    return lines


def _yaml(value: Any) -> str:
    if isinstance(value, float):
        # YAML reads 1e-05 as text, and 1.0e-05 as a number.
        short = f"{value:.6g}"
        mantissa, exponent, power = short.partition("e")
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{power}" if exponent else short
    if isinstance(value, str):
        return value if yaml.safe_load(value) == value else json.dumps(value)
    return json.dumps(value)


def _with_value(text: str, names: list[str], value: str) -> tuple[str, str]:
    """The text with a field set, and what stood there before (empty if nothing did)."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    node, depth = root, 0
    while depth < len(names):
        inner = _value_of(node, names[depth])
        if inner is None:
            break
        node, depth = inner, depth + 1
        if not isinstance(node, yaml.MappingNode):
            break
    if depth == len(names):
        start, end = _span(node)
        return text[:start] + value + text[end:], text[start:end]
    if depth and not isinstance(node, yaml.MappingNode):
        # `early_stopping: null`, or `tune:` with nothing below it: the fields take its place.
        start, end = _span(node)
        gap = "" if text[:start].endswith((" ", "\n")) else " "
        return text[:start] + gap + _flow(names[depth:], value) + text[end:], text[start:end]
    return _added(text, node, names[depth:], value), ""


def _added(text: str, node: yaml.MappingNode, names: list[str], value: str) -> str:
    """The text with a field added at the end of a mapping."""
    if node.flow_style:
        end = node.end_mark.index - 1
        inside = text[node.start_mark.index + 1 : end].rstrip()
        separator = "" if not inside or inside.endswith(",") else ","
        place = node.start_mark.index + 1 + len(inside)
        gap = " " if inside else ""
        entry = f"{separator}{gap}{names[0]}: {_flow(names[1:], value)}"
        return text[:place] + entry + text[place:]
    # Scalars end where they are written; the end of a block is where the next thing begins.
    last = _last_scalar(node)
    place = text.find("\n", last.end_mark.index)
    place = len(text) if place < 0 else place
    indent = " " * node.start_mark.column
    return f"{text[:place]}\n{indent}{names[0]}: {_flow(names[1:], value)}{text[place:]}"


def _flow(names: list[str], value: str) -> str:
    return f"{{{names[0]}: {_flow(names[1:], value)}}}" if names else value


def _value_of(node: yaml.Node, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _span(node: yaml.Node) -> tuple[int, int]:
    if isinstance(node, yaml.ScalarNode) or node.flow_style:
        return node.start_mark.index, node.end_mark.index
    return node.start_mark.index, _last_scalar(node).end_mark.index


def _last_scalar(node: yaml.Node) -> yaml.Node:
    while not isinstance(node, yaml.ScalarNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node
