"""A hash of the code that a node runs, so that a changed line runs it again and nothing else does.

Follows the imports of our own packages (and of the user's modules named in an experiment) as they
stand in the source, without importing anything.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import NamedTuple

from models.dotted import source_file

OUR_PACKAGES = ("components", "models")
LIBRARIES = (
    *("apache-beam", "keras", "tensorflow", "tensorflow-data-validation"),
    *("tensorflow-model-analysis", "tensorflow-transform", "tfx"),
)
"""What our code runs on: another version of one of them is other code."""


class Code(NamedTuple):
    """What a code hash is the hash of.

    Attributes:
        files: SHA-256 of each source, by its path from the folder of its package.
        libraries: versions by name.
    """

    files: dict[str, str]
    libraries: dict[str, str]


def code_of(modules: Iterable[str]) -> Code:
    """The sources of modules, of all of ours that they import, and the versions of libraries.

    Args:
        modules: dotted names of importable modules.

    Raises:
        ModuleNotFoundError: a module has no source.
    """
    names = sorted({name for module in modules for name in _closure(module)})
    files = {
        _shown(name): hashlib.sha256(_source(name).encode("utf-8")).hexdigest() for name in names
    }
    return Code(files, {library: version(library) for library in LIBRARIES})


def code_hash(modules: Iterable[str]) -> str:
    """Hash of the code of modules, see ``code_of``.

    Raises:
        ModuleNotFoundError: a module has no source.
    """
    code = code_of(modules)
    lines = [f"{name} {value}" for part in code for name, value in sorted(part.items())]
    return hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()[:16]


def _shown(module: str) -> str:
    """Path of a module's source, from the folder that its package is in."""
    file = source_file(module)
    assert file is not None
    names = module.split(".")
    inside = len(names) + 1 if file.name == "__init__.py" else len(names)
    return "/".join(file.parts[-inside:])


@functools.cache
def _closure(module: str) -> frozenset[str]:
    found: set[str] = set()
    waiting = [module]
    followed = {*OUR_PACKAGES, _top(module)}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            imported = (other for other in _imports(name) if _top(other) in followed)
            waiting += [other for other in imported if source_file(other)]
    return frozenset(found)


def _imports(module: str) -> Iterator[str]:
    """Dotted names that a module imports, whether of modules or of what stands in one."""
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = [_package(module, node.level)] if node.level else []
            source = ".".join([*origin, *([node.module] if node.module else [])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _package(module: str, level: int) -> str:
    """The package that a relative import with ``level`` dots starts at."""
    parts = module.split(".")
    file = source_file(module)
    inside = level - 1 if file is not None and file.name == "__init__.py" else level
    return ".".join(parts[: len(parts) - inside])


def _top(module: str) -> str:
    return module.partition(".")[0]


@functools.cache
def _source(module: str) -> str:
    file = source_file(module)
    if file is None:
        raise ModuleNotFoundError(f"no source of module {module!r}")
    return file.read_text(encoding="utf-8")
