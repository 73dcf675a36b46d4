"""Writes values into an experiment file, leaving everything else in it as it is.

The text is edited where YAML says that a value stands, so comments, order and quotes stay. Each
edit is read back; one that would change anything but its field is refused.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from pipeline.experiment import ExperimentError, load_text
from pipeline.yaml_positions import SyntaxProblem, parse

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
LINE_END = re.compile(r"\r\n|\r|\n")


class _Refused(ValueError):
    """A value cannot be put where it belongs."""


def write_values(path: str, values: Mapping[str, Any]) -> list[str]:
    """Changes fields of an experiment file.

    Args:
        path: the file.
        values: by field in dots, ``network.units``.

    Returns:
        a line for each field, with what stood there before.

    Raises:
        ExperimentError: the values cannot be written so that the file reads well and nothing else
            of it changes; it is unchanged.
    """
    before, data = _read(path)
    text, lines = before, []
    for field, value in values.items():
        shown, names = f"{field}: {_yaml(value)}", field.split(".")
        try:
            text, old = _with_value(text, names, _yaml(value))
            _put(data, names, value)
            # As text, since 1, 1.0 and True are equal but not the same value of a field.
            if repr(parse(text).data) != repr(data):
                raise _Refused("the file would be read with other values (change it by hand)")
        except (_Refused, SyntaxProblem) as error:
            raise ExperimentError(
                f"{path} is unchanged, since {shown} cannot be written there: {error}"
            ) from error
        lines.append(f"{path}: {shown}" + (f" (was {old})" if old else " (new)"))
    if text == before:
        return []
    try:
        load_text(text, path)
    except ExperimentError as error:
        wanted = ", ".join(f"{field}: {_yaml(value)}" for field, value in values.items())
        raise ExperimentError(
            f"{path} is unchanged, since it would not be read any more with {wanted}:\n{error}"
        ) from error
    try:
        _replace_file(os.path.realpath(path), text)
    except OSError as error:
        raise ExperimentError(
            f"{path} is unchanged, since it cannot be written: {error.strerror}"
        ) from error
    return lines


def _read(path: str) -> tuple[str, dict[str, Any]]:
    try:
        # Line ends as they are: those of Windows stay.
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
        data = parse(text).data
    except SyntaxProblem as error:
        raise ExperimentError(f"{path}:{error.line}: not valid YAML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path}: cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise ExperimentError(f"{path}: has no fields to change")
    return text, data


def _replace_file(path: str, text: str) -> None:
    folder, name = os.path.split(path)
    handle, partial = tempfile.mkstemp(".partial", f"{name}.", folder)
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        shutil.copymode(path, partial)
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def _put(data: dict[str, Any], names: Sequence[str], value: Any) -> None:
    for name in names[:-1]:
        if not isinstance(data.get(name), dict):
            data[name] = {}
        data = data[name]
    data[names[-1]] = value


def _yaml(value: Any) -> str:
    if isinstance(value, float):
        # YAML reads 1e-05 as text, and 1.0e-05 as a number.
        mantissa, exponent, power = repr(value).partition("e")
        return (
            f"{mantissa if '.' in mantissa else mantissa + '.0'}e{power}" if exponent else mantissa
        )
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, str) and WORD.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _with_value(text: str, names: Sequence[str], value: str) -> tuple[str, str]:
    """The text with a field set, and what stood there before (empty if nothing did)."""
    # Tokens of no width only say that a block begins or ends.
    tokens = [
        token
        for token in yaml.scan(text, Loader=yaml.SafeLoader)
        if token.start_mark.index < token.end_mark.index
    ]
    key, node = None, yaml.compose(text, Loader=yaml.SafeLoader)
    for depth, name in enumerate(names):
        if not isinstance(node, yaml.MappingNode):
            # `early_stopping: null`, or `tune:` with nothing below it: the fields take its place.
            return _replaced(text, tokens, key, node, _flow(names[depth:], value))
        pair = next((pair for pair in node.value if pair[0].value == name), None)
        if pair is None:
            return _added(text, tokens, node, name, _flow(names[depth + 1 :], value)), ""
        key, node = pair
        _refuse_alias(tokens, ".".join(names[: depth + 1]), key, node)
    return _replaced(text, tokens, key, node, value)


def _refuse_alias(
    tokens: Sequence[yaml.Token], field: str, key: yaml.Node, node: yaml.Node
) -> None:
    # What an alias stands for is where its anchor is, before the key.
    start = node.start_mark.index
    where = f"{field} (line {key.start_mark.line + 1})"
    if start < key.start_mark.index:
        raise _Refused(f"{where} is an alias of line {node.start_mark.line + 1}; write it out")
    aliases = {token.value for token in tokens if isinstance(token, yaml.AliasToken)}
    anchors = (token for token in tokens if isinstance(token, yaml.AnchorToken))
    for anchor in anchors:
        if anchor.start_mark.index == start and anchor.value in aliases:
            raise _Refused(f"{where} has an alias, *{anchor.value}; write that out")


def _replaced(
    text: str, tokens: Sequence[yaml.Token], key: yaml.Node, node: yaml.Node, value: str
) -> tuple[str, str]:
    start = node.start_mark.index
    end = _end(text, tokens, node)
    old = text[start:end]
    if old and (isinstance(node, yaml.ScalarNode) or node.flow_style):
        return text[:start] + value + text[end:], old
    # A block moves to its key's line; comments between the two stay.
    colon = _last(tokens, start, yaml.ValueToken).end_mark.index
    between = text[colon:start].rstrip()
    return f"{text[:colon]} {value}{between}{text[end:]}", " ".join(old.split())


def _added(
    text: str, tokens: Sequence[yaml.Token], node: yaml.MappingNode, name: str, value: str
) -> str:
    """The text with a field added at the end of a mapping."""
    if node.flow_style:
        last = _last(tokens, node.end_mark.index - 1)
        gaps = {yaml.FlowMappingStartToken: "", yaml.FlowEntryToken: " "}
        place = last.end_mark.index
        return f"{text[:place]}{gaps.get(type(last), ', ')}{name}: {value}{text[place:]}"
    line_end = LINE_END.search(text, _end(text, tokens, node))
    place = line_end.start() if line_end else len(text)
    newline = LINE_END.search(text)
    indent = " " * node.value[0][0].start_mark.column
    entry = f"{newline.group() if newline else os.linesep}{indent}{name}: {value}"
    return text[:place] + entry + text[place:]


def _end(text: str, tokens: Sequence[yaml.Token], node: yaml.Node) -> int:
    # A block's end mark is where the next thing begins; its last token ends where it is written.
    return len(text[: _last(tokens, node.end_mark.index).end_mark.index].rstrip())


def _last(
    tokens: Sequence[yaml.Token], place: int, kind: type[yaml.Token] = yaml.Token
) -> yaml.Token:
    """The last token before a place in the text."""
    return next(t for t in reversed(tokens) if t.end_mark.index <= place and isinstance(t, kind))


def _flow(names: Sequence[str], value: str) -> str:
    return f"{{{names[0]}: {_flow(names[1:], value)}}}" if names else value
