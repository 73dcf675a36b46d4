"""The parts of an experiment's data (files, as a rule), and the rows of one."""

import gzip
import importlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any, BinaryIO

from components.ingest.options import DataOptions
from components.ingest.readers import reader_module
from components.ingest.rows import BadFile, Row

UNREADABLE = (EOFError, OSError, zlib.error)
"""What a file that is truncated, damaged or not there raises while it is read."""

Opener = Callable[[str], AbstractContextManager[BinaryIO]]
"""Opens a file and unpacks it."""


def reader(data_format: str) -> ModuleType:
    """The module that reads a format."""
    return importlib.import_module(reader_module(data_format))


def has_parts(data: DataOptions) -> bool:
    """Whether a format says its parts itself, and they are no files that could be matched."""
    return hasattr(reader(data.format), "parts")


def read_here(data: DataOptions) -> bool:
    """Whether the rows can be read from this machine without Beam: files of it, or a table."""
    return "://" not in data.path or has_parts(data)


def companions(path: str, data: DataOptions) -> list[str]:
    """Other local files that a file's rows depend on."""
    module = reader(data.format)
    if "://" in path or not hasattr(module, "companions"):
        return []
    return module.companions(path, data)


def unpacked(stream: BinaryIO, path: str) -> BinaryIO:
    """The bytes of an open file, decompressed if its name ends in ``.gz``."""
    return gzip.GzipFile(fileobj=stream) if path.endswith(".gz") else stream


@contextmanager
def local(path: str) -> Iterator[BinaryIO]:
    """Opens a file of this machine and unpacks it."""
    with open(path, "rb") as raw, unpacked(raw, path) as stream:
        yield stream


def read_part(part: str, data: DataOptions, opener: Opener = local) -> Iterator[Row]:
    """The rows of a part.

    Args:
        part: a file's path, or what the reader calls its part.
        data: the data options.
        opener: opens a file for reading.

    Raises:
        BadFile: it cannot be read, from a place on; the message says why.
    """
    module: Any = reader(data.format)
    line = 0
    try:
        if hasattr(module, "read"):
            for row in module.read(part, data):
                line = row.line
                yield row
        else:
            with opener(part) as stream:
                for row in module.rows(stream, part, data):
                    line = row.line
                    yield row
    except UNREADABLE as error:
        raise BadFile(part, line or None, f"cannot be read beyond this line: {error}") from error
