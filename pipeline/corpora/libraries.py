"""The libraries whose docstrings make a corpus: which they are and where their modules lie."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Library:
    """A library that is a class of the corpus, and what it is called in prose."""

    label: str
    distribution: str
    package: str
    # Lower-case words, joined by single spaces where a name has several.
    names: tuple[str, ...]
    # Folders below the package, by their path with slashes, that belong to someone else.
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """An installed library: where its package lies and in which version."""

    library: Library
    root: Path
    version: str


LIBRARIES: tuple[Library, ...] = (
    Library("apache_beam", "apache-beam", "apache_beam", ("beam", "apache", "dataflow")),
    Library("keras", "keras", "keras", ("keras",)),
    Library("nltk", "nltk", "nltk", ("nltk", "natural language toolkit")),
    Library("numpy", "numpy", "numpy", ("numpy", "np", "f2py")),
    Library("pandas", "pandas", "pandas", ("pandas", "pd")),
    Library("scipy", "scipy", "scipy", ("scipy", "sp"), ("_lib",)),
    Library("sklearn", "scikit-learn", "sklearn", ("sklearn", "scikit", "skl")),
    Library(
        "tensorflow",
        "tensorflow",
        "tensorflow",
        ("tensorflow", "tf", "tflite", "tensorboard"),
        ("_api", "python/keras", "include"),
    ),
)

_EXCLUDED_FOLDERS = frozenset(
    {
        "__pycache__", "_vendor", "benchmarks", "clients", "conftest", "examples", "extern",
        "external", "externals", "kernel_tests", "test", "testing", "tests", "third_party",
        "vendor", "vendored",
    }
)  # fmt: skip


def installed_sources(
    libraries: Sequence[Library] = LIBRARIES,
) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    """Return the libraries found in this environment, and a note on each one that is missing."""
    found, notes = [], []
    for library in libraries:
        try:
            version = importlib.metadata.version(library.distribution)
        except importlib.metadata.PackageNotFoundError:
            notes.append(f"{library.label}: the distribution {library.distribution} is missing")
            continue
        # Finding a top-level package runs none of its code.
        spec = importlib.util.find_spec(library.package)
        if spec is None or not spec.submodule_search_locations:
            notes.append(f"{library.label}: no package {library.package} can be found")
            continue
        found.append(Source(library, Path(spec.submodule_search_locations[0]), version))
    return tuple(found), tuple(notes)


def modules_of(source: Source) -> list[tuple[str, Path]]:
    """Return the dotted names and files of a library's own modules, without its tests."""
    modules = []
    for folder, folders, files in os.walk(source.root):
        here = Path(folder).relative_to(source.root)
        folders[:] = [
            name
            for name in folders
            if name not in _EXCLUDED_FOLDERS
            and (here / name).as_posix() not in source.library.excluded
        ]
        for name in files:
            if _is_written_by_hand(name):
                parts = (source.library.package, *here.parts, name.removesuffix(".py"))
                dotted = ".".join(parts).removesuffix(".__init__")
                modules.append((dotted, Path(folder, name)))
    return sorted(modules)


def _is_written_by_hand(name: str) -> bool:
    return (
        name.endswith(".py")
        and not name.endswith(("_test.py", "_tests.py", "_pb2.py", "_pb2_grpc.py", "_pb2_urls.py"))
        and not name.startswith(("test_", "gen_", "conftest"))
    )
