"""YAML that remembers the line of every field, so that an error can name it."""

from typing import Any, NamedTuple

import yaml

Path = tuple[str | int, ...]


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
    """The text is not YAML.

    Attributes:
        line: where.
    """

    def __init__(self, line: int, message: str):
        super().__init__(message)
        self.line = line


def parse(text: str) -> Document:
    """Parses one YAML document.

    Raises:
        SyntaxProblem: it is not YAML.
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Path, int] = {(): 1}
        problems: list[Problem] = []
        data = None if node is None else _construct(loader, node, (), lines, problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SyntaxProblem(mark.line + 1 if mark else 1, error.problem or str(error)) from error
    except yaml.YAMLError as error:
        raise SyntaxProblem(1, str(error)) from error
    finally:
        loader.dispose()
    return Document(data, lines, problems)


def _construct(loader, node, path: Path, lines: dict[Path, int], problems: list[Problem]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                key = key_node.value
            inner = (*path, key)
            if key in mapping:
                problems.append(
                    Problem(inner, f"given twice (also in line {lines[inner]}); keep one")
                )
            lines[inner] = key_node.start_mark.line + 1
            mapping[key] = _construct(loader, value_node, inner, lines, problems)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [
            _construct(loader, item, (*path, index), lines, problems)
            for index, item in enumerate(node.value)
        ]
    return loader.construct_object(node, deep=True)
