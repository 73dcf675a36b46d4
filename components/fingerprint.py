"""A hash of the code that a node runs, so that a changed line runs it again and nothing else does.

Follows the imports of our own packages (and of the user's modules named in an experiment) as they
stand in the source, without importing anything.
"""

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path

OUR_PACKAGES = ("components", "models")


def code_hash(modules: Iterable[str]) -> str:
    """Hash of the sources of modules and of everything of ours that they import.

    Args:
        modules: dotted names of importable modules.
    """
    files: dict[str, str] = {}
    for module in modules:
        for name in _closure(module):
            files[name] = hashlib.sha256(_source(name).encode("utf-8")).hexdigest()
    lines = "\n".join(f"{name} {digest}" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode("utf-8")).hexdigest()[:16]


@functools.cache
def _closure(module: str) -> frozenset[str]:
    found: set[str] = set()
    waiting = [module]
    followed = {*OUR_PACKAGES, module.partition(".")[0]}
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += [other for other in _imports(name) if other.partition(".")[0] in followed]
    return frozenset(found)


def _imports(module: str) -> Iterable[str]:
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            for alias in node.names:
                if _is_module(f"{node.module}.{alias.name}"):
                    yield f"{node.module}.{alias.name}"


@functools.cache
def _is_module(name: str) -> bool:
    if name.partition(".")[0] not in OUR_PACKAGES:
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@functools.cache
def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.origin:
        raise ModuleNotFoundError(f"no source of module {module!r}")
    return Path(spec.origin).read_text(encoding="utf-8")
