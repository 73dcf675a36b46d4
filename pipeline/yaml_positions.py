"""YAML that remembers the line of every field, so that an error can name it."""

from typing import Any, NamedTuple

import yaml

Path = tuple[str | int, ...]

MERGE_TAG = "tag:yaml.org,2002:merge"
MAX_DEPTH = 50
MAX_FIELDS = 100_000
SHOWN_CHARACTERS = 40
# What PyYAML raises where a text does not fit its tag, such as `!!int abc` or `2020-99-99`.
UNFIT = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError)


class Problem(NamedTuple):
    """Something wrong with a field: where it stands and what to do."""

    path: Path
    message: str


class Document(NamedTuple):
    """A parsed document: its data, the line of each field, and what was wrong already."""

    data: Any
    lines: dict[Path, int]
    problems: list[Problem]

    def line(self, path: Path) -> int:
        """The line of a field, or of the nearest thing around it."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


class SyntaxProblem(ValueError):
    """The text is not YAML, or YAML that stands for no plain data.

    Attributes:
        line: where.
    """

    def __init__(self, line: int, message: str):
        super().__init__(message)
        self.line = line


def parse(text: str) -> Document:
    """Parses one YAML document to dicts (with ``str`` keys, as written), lists and scalars.

    Raises:
        SyntaxProblem: it is not YAML, or not plain data.
    """
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SyntaxProblem(
            line, f"the character {chr(error.character)!r} cannot stand in YAML (remove it)"
        ) from error
    document = Document(None, {(): 1}, [])
    try:
        node = _compose(loader)
        data = None if node is None else _construct(loader, node, (), document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SyntaxProblem(mark.line + 1 if mark else 1, error.problem or str(error)) from error
    except yaml.YAMLError as error:
        raise SyntaxProblem(1, str(error)) from error
    finally:
        loader.dispose()
    return document._replace(data=data)


def _compose(loader: yaml.SafeLoader) -> yaml.Node | None:
    try:
        return loader.get_single_node()
    except RecursionError as error:
        raise SyntaxProblem(loader.line + 1, "is nested too deeply") from error
    except UNFIT as error:
        raise SyntaxProblem(loader.line + 1, str(error)) from error


def _construct(loader: yaml.SafeLoader, node: yaml.Node, path: Path, document: Document) -> Any:
    line = node.start_mark.line + 1
    document.lines.setdefault(path, line)
    if len(path) > MAX_DEPTH:
        raise SyntaxProblem(
            line, f"more than {MAX_DEPTH} levels stand inside each other, or an alias in its anchor"
        )
    if len(document.lines) > MAX_FIELDS:
        raise SyntaxProblem(line, f"there are more than {MAX_FIELDS} fields, aliases unfolded")
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [
            _construct(loader, item, (*path, index), document)
            for index, item in enumerate(node.value)
        ]
    if ":" in node.value and node.tag.endswith((":int", ":float")):
        # YAML 1.1 reads 19:30 as 19 * 60 + 30; whoever writes it means what stands there.
        return node.value
    try:
        return loader.construct_object(node, deep=True)
    except UNFIT as error:
        shown = repr(node.value[:SHOWN_CHARACTERS]) + "..." * (len(node.value) > SHOWN_CHARACTERS)
        kind = node.tag.rpartition(":")[2]
        raise SyntaxProblem(
            line, f"{shown} is read as {kind} but is none (put it in quotes if it is text)"
        ) from error


def _mapping(
    loader: yaml.SafeLoader, node: yaml.MappingNode, path: Path, document: Document
) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise SyntaxProblem(line, f"a {key_node.id} came as a key, where a name is read")
        if key_node.tag == MERGE_TAG:
            raise SyntaxProblem(
                line, "`<<` (merging an anchor's fields) is not read; write the fields out"
            )
        key = key_node.value
        inner = (*path, key)
        if key in mapping:
            document.problems.append(
                Problem(inner, f"given twice (also in line {document.lines[inner]}); keep one")
            )
        document.lines[inner] = line
        mapping[key] = _construct(loader, value_node, inner, document)
    return mapping
