"""Reader of line-aligned files: a folder whose files have as many lines, one row a line.

Each file is a column, named as the file is without ``.gz``: ``seq.in.gz`` and ``seq.out.gz`` give
rows of ``seq.in`` and ``seq.out``.  Which of them ``data.path`` or ``data.split`` names does not
matter; all files of its folder are read, hidden ones left aside.
"""

import glob
import gzip
import os
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import zip_longest
from typing import BinaryIO

from components.ingest.options import DataOptions
from components.ingest.rows import BadFile, Row

PATTERNS = ("*.in", "*.in.gz")


def companions(path: str, options: DataOptions) -> list[str]:
    """The other files of the folder."""
    beside = glob.glob(os.path.join(glob.escape(os.path.dirname(path)), "*"))
    return sorted(
        other
        for other in beside
        if os.path.isfile(other) and os.path.basename(other) != os.path.basename(path)
    )


def rows(stream: BinaryIO, path: str, options: DataOptions) -> Iterator[Row]:
    """Yields a row for each line; a line that is blank in every file is passed over.

    Raises:
        BadFile: the files are not on this machine, or two of them give the same column.
    """
    if "://" in path:
        raise BadFile(path, None, "format: aligned reads files of this machine (copy the folder)")
    paths = [path, *companions(path, options)]
    columns = [os.path.basename(name).removesuffix(".gz") for name in paths]
    doubled = sorted({name for name in columns if columns.count(name) > 1})
    if doubled:
        raise BadFile(path, None, f"the folder holds {doubled[0]!r} twice, packed and not")
    with ExitStack() as opened:
        others = [opened.enter_context(_open(other)) for other in paths[1:]]
        for line, contents in enumerate(zip_longest(stream, *others), start=1):
            ended = [name for name, content in zip(paths, contents, strict=True) if content is None]
            if ended:
                problem = (
                    f"{', '.join(ended)} ended before this line, where other files of the folder "
                    "go on (a row needs its line in every file; keep no other files in the folder)"
                )
                yield Row(line, {}, problem)
                return
            try:
                fields = [content.decode("utf-8").rstrip("\r\n") for content in contents]
            except UnicodeDecodeError:
                yield Row(line, {}, "holds bytes that are not UTF-8 (convert the files to UTF-8)")
                continue
            if any(field.strip() for field in fields):
                yield Row(line, dict(zip(columns, fields, strict=True)))


def _open(path: str) -> BinaryIO:
    return gzip.open(path) if path.endswith(".gz") else open(path, "rb")
