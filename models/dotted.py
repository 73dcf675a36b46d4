"""Modules named by dotted path: where their source stands, without importing them."""

import ast
import functools
import importlib.util
from pathlib import Path


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
    """What is wrong with the dotted path of a function, or None; imports nothing of it."""
    module, _, name = path.rpartition(".")
    if not module or not all(part.isidentifier() for part in path.split(".")):
        return f"{path!r} is no function's dotted path, such as my_package.my_module.build_model"
    file = source_file(module)
    if file is None:
        return f"no module {module!r} beside the experiment file, in this folder or installed"
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    if name not in set(_names(tree)):
        return f"{file} defines no {name}"
    return None


def _names(tree: ast.Module):
    """What stands at a module's top level under a name."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
