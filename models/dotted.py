"""Modules found by name in a folder of ours, or by dotted path; nothing of them is imported."""

import ast
import functools
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


@functools.cache
def source_file(module: str) -> Path | None:
    """The file of a module's source; None if there is no such module, or none in Python."""
    # find_spec imports the parents of a dotted name, so only the first name is looked for by it.
    top, *inner = module.split(".")
    spec = importlib.util.find_spec(top) if top else None
    if spec is None:
        return None
    if spec.submodule_search_locations is None:
        candidates = [Path(spec.origin)] if spec.origin and not inner else []
    else:
        paths = [Path(folder, *inner) for folder in spec.submodule_search_locations]
        candidates = [path / "__init__.py" for path in paths]
        candidates += [path.with_name(f"{path.name}.py") for path in paths if inner]
    return next((path for path in candidates if path.suffix == ".py" and path.is_file()), None)


def function_problem(path: str) -> str | None:
    """What is wrong with the dotted path of what a module defines (a function), or None."""
    module, _, name = path.rpartition(".")
    if not module or not all(part.isidentifier() for part in path.split(".")):
        return f"{path!r} is no function's dotted path, such as my_package.my_module.build_model"
    file = source_file(module)
    if file is None:
        return f"no module {module!r} beside the experiment file, in this folder or installed"
    try:
        tree = _parsed(file)
    except (SyntaxError, ValueError) as error:
        return f"{file} is not Python: {error}"
    if name not in set(_names(tree)):
        return f"{file} defines no {name}"
    return None


def function_options(path: str) -> list[str] | None:
    """Names of what a function takes by keyword only; None if its source does not say them.

    Args:
        path: dotted, of a function without a problem.
    """
    module, _, name = path.rpartition(".")
    file = source_file(module)
    if file is None:
        return None
    found = [
        node
        for node in _parsed(file).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    if not found or found[-1].args.kwarg is not None:
        return None
    return [argument.arg for argument in found[-1].args.kwonlyargs]


@functools.cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def _names(tree: ast.Module):
    """What stands at a module's top level under a name."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))
