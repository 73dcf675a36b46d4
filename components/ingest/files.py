"""Which files an experiment reads, and a look at their heads before anything heavy starts."""

import difflib
import functools
import glob
import hashlib
import itertools
import os
from typing import NamedTuple

from components.errors import DataError
from components.ingest.options import DataOptions
from components.ingest.parts import companions, has_parts, read_part, reader
from components.ingest.rows import BadFile, BadRow, Row, example_of
from components.ingest.splits import SPLITS, SplitByColumn, SplitByFiles
from components.spec import IngestConfig

HEAD_ROWS = 200
HEAD_PARTS = 1000
"""Parts that are looked into before a run; of more (a file a row, say) ingest reads the rest."""


class Source(NamedTuple):
    """Files for a split: a pattern under the base pattern and the split they are given for."""

    role: str
    pattern: str


def sources(data: DataOptions) -> tuple[str, list[Source]]:
    """The base folder, and the patterns under it by the split they are given for.

    The base is a pattern too, since Beam and TFX match it joined with the others; what is there
    under its very name is escaped, so that brackets in a folder's or file's name are only that.

    Raises:
        DataError: no file matches, or a folder holds files of the format under several endings.
    """
    if has_parts(data):
        return ".", [Source("all", "*")]
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


def local_files(data: DataOptions) -> list[tuple[str, str]]:
    """The files of this machine that match, each after the split that it is given for; none of a
    format whose parts are no files.
    """
    if has_parts(data):
        return []
    base, given = sources(data)
    return [
        (role, path)
        for role, pattern in given
        for path in sorted(glob.glob(os.path.join(base, pattern)))
        if os.path.isfile(path)
    ]


def local_parts(data: DataOptions) -> list[tuple[str, str]]:
    """What is read, each part after the split that it is given for."""
    return reader(data.format).parts(data) if has_parts(data) else local_files(data)


def content_hashes(data: DataOptions) -> dict[str, str]:
    """SHA-256 of each local file that the experiment reads, by path; the reader's own fingerprint
    of what are no files.

    TFX tells a change by the files' sizes and times, which an edit within a second can keep.
    """
    if has_parts(data):
        return {data.path: reader(data.format).fingerprint(data)}
    found = [path for _, path in local_files(data)]
    found += [other for path in found for other in companions(path, data)]
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
    """Reads the first rows of the parts, so that plain mistakes stop before the pipeline starts.

    Bad rows stop only where the experiment does not say what else to do with them.

    Returns:
        the parts, in order.

    Raises:
        DataError: a file is missing, empty, or its first rows do not fit the experiment.
    """
    data = config.data
    parts = local_parts(data)
    if not has_parts(data):
        for role, pattern in sources(data)[1]:
            if not any(given == role for given, _ in parts):
                shown = os.path.join(data.path, pattern) if role in SPLITS else data.path
                raise DataError(
                    f"{shown}: no such file (data.path is {data.path!r}"
                    + (f", data.split.{role} is {pattern!r}" if role in SPLITS else "")
                    + "; a relative path starts at the experiment file's folder)"
                )
    checked: dict[str, str] = {}
    for role, part in parts:
        if part in checked:
            raise DataError(
                f"{part}: data.split.{role} reads a file that another split reads too; what is "
                "trained on cannot judge"
            )
        if len(checked) < HEAD_PARTS:
            _check_head(part, role, config)
        checked[part] = role
    return list(checked)


def _check_head(part: str, role: str, config: IngestConfig) -> None:
    read: list[Row] = []
    try:
        read += itertools.islice(read_part(part, config.data), HEAD_ROWS)
    except BadFile:
        # Ingest leaves out and counts what cannot be read, where it may.
        if config.data.on_bad_row == "fail":
            raise
        return
    if not read:
        raise DataError(f"{part}: holds no rows")
    head = [row for row in read if row.skipped is None]
    if not head:
        return
    _check_columns(part, head[0], config)
    for row in head:
        try:
            example_of(row, role, config)
        except BadRow as error:
            if config.data.on_bad_row == "fail":
                raise DataError(f"{part}:{row.line}: {error}") from error


def _check_columns(path: str, first: Row, config: IngestConfig) -> None:
    needed = {} if config.task is None else dict(config.task.columns)
    needed |= {f"release.slices.{place}": name for place, name in enumerate(config.slices)}
    needed |= {
        f"features.{name}.column": options.column or name
        for name, options in config.features.items()
        if options.missing is None
    }
    for field in ("id", "group", "time"):
        if getattr(config.data, field) is not None:
            needed[f"data.{field}"] = getattr(config.data, field)
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
