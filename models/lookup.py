"""How modules are found by name, and what a user's module defines, without importing it."""

import ast
import importlib
import importlib.util
import pkgutil
from pathlib import Path


def module_names(package: str) -> list[str]:
    """Names of the modules in a package of ours."""
    path = importlib.import_module(package).__path__
    return sorted(entry.name for entry in pkgutil.iter_modules(path))


def cell_names() -> list[str]:
    """Names of the recurrent cells that ship with Rondo."""
    return module_names("models.cells")


def cell_module(cell: str) -> str:
    """Dotted module of a cell: ``models.cells.<cell>``, or ``cell`` itself if it is dotted."""
    return cell if "." in cell else f"models.cells.{cell}"


def defined_names(module: str) -> set[str]:
    """What a module defines at its top, read in its source; the module itself is not imported.

    Raises:
        LookupError: there is no such module, or its source cannot be read.
    """
    if not all(part.isidentifier() for part in module.split(".")):
        raise LookupError(f"{module!r} is no module's dotted path, such as my_package.my_module")
    try:
        spec = importlib.util.find_spec(module)
        source = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else None
        tree = ast.parse(source) if source is not None else None
    except Exception as error:  # Whatever the user's packages around it raise.
        name = type(error).__name__
        raise LookupError(f"cannot import {module!r}: {name}: {error}") from error
    if tree is None:
        raise LookupError(f"cannot import {module!r}: no module of that name")
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names
