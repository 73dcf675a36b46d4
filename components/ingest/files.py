"""Which files an experiment reads, and a look at their heads before anything heavy starts."""

import difflib
import functools
import glob
import gzip
import hashlib
import importlib
import itertools
import os
import zlib
from types import ModuleType
from typing import BinaryIO, NamedTuple

from components.errors import DataError
from components.ingest.readers import reader_module
from components.ingest.rows import BadRow, Row, example_of
from components.spec import (
    SPLITS,
    DataOptions,
    IngestConfig,
    SplitByColumn,
    SplitByFiles,
)

HEAD_ROWS = 200


class Source(NamedTuple):
    """Files for a split: a pattern under the base pattern and the split they are given for."""

    role: str
    pattern: str


def reader(data_format: str) -> ModuleType:
    """The module that reads a format."""
    return importlib.import_module(reader_module(data_format))


def sources(data: DataOptions) -> tuple[str, list[Source]]:
    """The base folder, and the patterns under it by the split they are given for.

    The base is a pattern too, since Beam and TFX match it joined with the others; what is there
    under its very name is escaped, so that brackets in a folder's or file's name are only that.

    Raises:
        DataError: no file matches, or a folder holds files of the format under several endings.
    """
    split = data.split
    if isinstance(split, SplitByFiles):
        patterns = {"train": split.train, "validate": split.validation, "test": split.test}
        given = [
            Source(role, _pattern(p, os.path.join(data.path, p)))
            for role, p in patterns.items()
            if isinstance(p, str)
        ]
        return _pattern(data.path), given
    if not os.path.isdir(data.path):
        folder, name = os.path.split(data.path)
        return _pattern(folder or "."), [Source("all", _pattern(name, data.path))]
    base = _pattern(data.path)
    patterns = reader(data.format).PATTERNS
    found = [pattern for pattern in patterns if glob.glob(os.path.join(base, pattern))]
    if len(found) > 1:
        raise DataError(
            f"{data.path}: the folder holds files named {' and '.join(found)}; "
            f"say which to read with data.path: {os.path.join(data.path, found[0])}"
        )
    if not found:
        raise DataError(
            f"{data.path}: no {data.format} file in this folder ({', '.join(patterns)})"
        )
    return base, [Source("all", found[0])]


def _pattern(name: str, path: str | None = None) -> str:
    """A name as a pattern: itself, or escaped if ``path`` (default: the name) is there."""
    return glob.escape(name) if os.path.exists(path or name) else name


def unpacked(stream: BinaryIO, path: str) -> BinaryIO:
    """The bytes of an open file, decompressed if its name ends in ``.gz``."""
    return gzip.GzipFile(fileobj=stream) if path.endswith(".gz") else stream


def content_hashes(data: DataOptions) -> dict[str, str]:
    """SHA-256 of each local file that the experiment reads, by path.

    TFX tells a change by the files' sizes and times, which an edit within a second can keep.
    """
    base, given = sources(data)
    found = [path for _, pattern in given for path in glob.glob(os.path.join(base, pattern))]
    companions = getattr(reader(data.format), "companions", lambda path: [])
    found += [other for path in found if "://" not in path for other in companions(path)]
    files = [path for path in sorted(set(found)) if os.path.isfile(path)]
    return {path: content_hash(path) for path in files}


def content_hash(path: str) -> str:
    """SHA-256 of a local file, read once a process."""
    return _content_hash(path, os.stat(path).st_mtime_ns)


@functools.cache
def _content_hash(path: str, modified: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_heads(config: IngestConfig) -> list[str]:
    """Reads the first rows of every file, so that plain mistakes stop before the pipeline starts.

    Returns:
        the files, in order.

    Raises:
        DataError: a file is missing, empty, or its first rows do not fit the experiment.
    """
    base, given = sources(config.data)
    checked: list[str] = []
    for role, pattern in given:
        where = os.path.join(base, pattern)
        paths = sorted(path for path in glob.glob(where) if os.path.isfile(path))
        if not paths:
            path = config.data.path
            shown = os.path.join(path, pattern) if role in SPLITS else path
            raise DataError(
                f"{shown}: no such file (data.path is {path!r}"
                + (f", data.split.{role} is {pattern!r}" if role in SPLITS else "")
                + "; a relative path starts at the experiment file's folder)"
            )
        for path in paths:
            if path in checked:
                raise DataError(
                    f"{path}: data.split.{role} ({pattern!r}) reads a file that another split "
                    "reads too; what is trained on cannot judge"
                )
            _check_head(path, role, config)
        checked += paths
    return checked


def _check_head(path: str, role: str, config: IngestConfig) -> None:
    module = reader(config.data.format)
    try:
        with open(path, "rb") as file, unpacked(file, path) as stream:
            head = list(itertools.islice(module.rows(stream, path, config.data), HEAD_ROWS))
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if not head:
        raise DataError(f"{path}: holds no rows")
    _check_columns(path, head[0], config)
    for row in head:
        try:
            example_of(row, role, config)
        except BadRow as error:
            raise DataError(f"{path}:{row.line}: {error}") from error


def _check_columns(path: str, first: Row, config: IngestConfig) -> None:
    needed = {"task.label": config.task.label}
    needed |= {
        f"features.{name}.column": options.column or name
        for name, options in config.features.items()
        if options.missing is None
    }
    if config.data.group is not None:
        needed["data.group"] = config.data.group
    if isinstance(config.data.split, SplitByColumn):
        needed["data.split.column"] = config.data.split.column
    if first.problem:
        return
    for field, column in needed.items():
        if column not in first.fields:
            near = difflib.get_close_matches(column, list(first.fields), n=1)
            raise DataError(
                f"{path}:{first.line}: no column {column!r} ({field}); the columns are "
                f"{', '.join(map(repr, first.fields))}"
                + (f"; did you mean {near[0]!r}?" if near else "")
            )
