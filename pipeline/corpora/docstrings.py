"""A labelled text corpus from the docstrings of installed Python libraries.

The libraries are never imported: their source files are found, parsed and read. The same
installed versions give the same bytes, whatever the machine.
"""

from __future__ import annotations

import ast
import gc
import hashlib
import json
import multiprocessing
import os
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.corpora import libraries, prose, selection
from pipeline.corpora.libraries import Source, installed_sources, modules_of
from pipeline.corpora.selection import Limits, Row

Progress = Callable[[int, int, str], None]


class CorpusError(ValueError):
    """The corpus cannot be built or written as asked."""


class TooFewSentencesError(CorpusError):
    """The installed libraries do not hold enough prose."""


@dataclass(frozen=True)
class CorpusReport:
    """What a build did or, if `built` is false, what was there already."""

    path: Path
    built: bool
    rows: int
    per_library: dict[str, int]
    seconds: float
    versions: dict[str, str]
    skipped: tuple[str, ...] = ()
    removed: dict[str, int] = field(default_factory=dict)


_FILES_PER_TASK = 24


def build(
    output: Path,
    *,
    progress: Progress | None = None,
    processes: int | None = None,
    force: bool = False,
    sources: Sequence[Source] | None = None,
    limits: Limits | None = None,
) -> CorpusReport:
    """Write the corpus as JSON Lines to `output`, unless an up-to-date one lies there.

    Beside it goes `<name>.about.json` with versions, counts and the hash of the corpus.
    `progress` is called with the files done, the files in all, and what is being done.
    `sources` and `limits` replace the libraries of this environment and the usual sizes.
    """
    started = time.perf_counter()
    limits = limits or Limits()
    if processes is not None and processes < 1:
        raise CorpusError(f"processes is {processes}; give 1 or more, or None for all cores")
    if output.is_dir():
        raise CorpusError(f"{output} is a folder; give the path of the corpus file to write")
    found, skipped = installed_sources() if sources is None else (tuple(sources), ())
    identity = {
        "code": code_version(),
        "versions": {source.library.label: source.version for source in found},
        "skipped": list(skipped),
        "limits": asdict(limits),
    }
    about = None if force else _up_to_date(output, identity)
    built = about is None
    if about is None:
        about = _write(output, found, limits, identity, progress, processes or os.cpu_count() or 1)
    return CorpusReport(
        path=output,
        built=built,
        rows=about["rows"],
        per_library=about["rows_per_library"],
        seconds=time.perf_counter() - started,
        versions=identity["versions"],
        skipped=skipped,
        removed=about["removed"],
    )


def about_path(output: Path) -> Path:
    """Return where the description of the corpus at `output` lies."""
    return output.with_suffix(".about.json")


def code_version() -> str:
    """Return a hash of the source code that decides what the corpus holds."""
    digest = hashlib.sha256()
    for path in (__file__, libraries.__file__, prose.__file__, selection.__file__):
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()


def docstrings_of(code: bytes) -> list[str]:
    """Return the docstrings of a module, its classes and its functions, in source order.

    Raises SyntaxError or ValueError if `code` is no Python that this interpreter can parse.
    """
    if b'"""' not in code and b"'''" not in code:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(code)
    return [docstring for node in _documented(tree) if (docstring := ast.get_docstring(node))]


def _documented(
    node: ast.AST,
) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    # Statements only: expressions make up most of a tree and hold no docstrings.
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield node
    for block in ("body", "orelse", "handlers", "finalbody"):
        children = getattr(node, block, ())
        for child in children if isinstance(children, list) else ():
            yield from _documented(child)


@dataclass(frozen=True)
class _Task:
    label: str
    modules: tuple[tuple[str, Path], ...]
    names: tuple[str, ...]


def _harvest(task: _Task) -> tuple[list[Row], Counter[str]]:
    """Return the prose sentences of some modules and the counts of what was not prose."""
    rows: list[Row] = []
    removed: Counter[str] = Counter()
    collecting = gc.isenabled()
    # Syntax trees are many small objects without cycles; scanning them doubles the time.
    gc.disable()
    try:
        for module, path in task.modules:
            try:
                docstrings = docstrings_of(path.read_bytes())
            except (OSError, SyntaxError, ValueError):
                removed["unreadable file"] += 1
                continue
            for docstring in docstrings:
                for sentence in prose.sentences_of(docstring):
                    fault = prose.fault_of(sentence)
                    if fault is None and prose.names_any(sentence, task.names):
                        fault = "library name"
                    if fault is None:
                        rows.append(Row(sentence, task.label, module))
                    else:
                        removed[fault] += 1
    finally:
        if collecting:
            gc.enable()
    return rows, removed


def _harvest_all(
    sources: Sequence[Source], limits: Limits, progress: Progress | None, processes: int
) -> tuple[list[Row], list[str], Counter[str]]:
    names = tuple(sorted({name for source in sources for name in source.library.names}))
    tasks, all_modules = [], []
    for source in sources:
        modules = modules_of(source)
        # Far more modules than rows can come from cost time and add nothing.
        modules.sort(key=lambda module: selection.content_hash(module[0]))
        del modules[limits.modules_per_library :]
        all_modules += [module for module, _ in modules]
        for start in range(0, len(modules), _FILES_PER_TASK):
            part = tuple(modules[start : start + _FILES_PER_TASK])
            tasks.append(_Task(source.library.label, part, names))
    rows: list[Row] = []
    removed: Counter[str] = Counter()
    done = 0
    for task, (task_rows, task_removed) in zip(tasks, _mapped(tasks, processes), strict=True):
        rows += task_rows
        removed += task_removed
        done += len(task.modules)
        if progress is not None:
            progress(done, len(all_modules), f"reading {task.label}")
    return rows, all_modules, removed


def _mapped(tasks: list[_Task], processes: int) -> Iterator[tuple[list[Row], Counter[str]]]:
    if processes == 1 or len(tasks) < 2:
        yield from map(_harvest, tasks)
        return
    # Forking a process that runs threads, as one with a loaded framework does, may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(tasks)), mp_context=context) as pool:
        yield from pool.map(_harvest, tasks)


def _write(
    output: Path,
    sources: Sequence[Source],
    limits: Limits,
    identity: dict[str, Any],
    progress: Progress | None,
    processes: int,
) -> dict[str, Any]:
    candidates, modules, removed = _harvest_all(sources, limits, progress, processes)
    rows, removed_later = selection.select(candidates, modules, limits)
    per_library = Counter(row.library for row in rows)
    if len(rows) < limits.minimum_rows:
        counts = ", ".join(f"{label} {per_library[label]}" for label in identity["versions"])
        raise TooFewSentencesError(
            f"the docstrings of the installed libraries give {len(rows)} sentences, fewer than the "
            f"{limits.minimum_rows} needed for {output} ({counts or 'no library was found'}); "
            "install the missing libraries in this environment, then build again"
        )
    corpus = "".join(
        json.dumps(row._asdict(), ensure_ascii=False, sort_keys=True) + "\n" for row in rows
    ).encode("utf-8")
    about = {
        **identity,
        "rows": len(rows),
        "rows_per_library": {label: per_library[label] for label in identity["versions"]},
        "modules_per_library": {
            label: len({row.module for row in rows if row.library == label})
            for label in identity["versions"]
        },
        "sha256": hashlib.sha256(corpus).hexdigest(),
        "removed": dict(sorted((removed + removed_later).items())),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    # The description goes last: a corpus without a matching one is built again.
    _replace(output, corpus)
    _replace(about_path(output), (json.dumps(about, indent=2) + "\n").encode("utf-8"))
    return about


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _up_to_date(output: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """Return the description of the corpus if it is there, whole, and of this identity."""
    try:
        about = json.loads(about_path(output).read_text(encoding="utf-8"))
        digest = hashlib.sha256(output.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return None
    same = isinstance(about, dict) and {**about, **identity} == about
    return about if same and about.get("sha256") == digest else None
