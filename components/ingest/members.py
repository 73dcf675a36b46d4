"""The files of a part: the file itself, or the members of a zip archive, which is not unpacked.

Each is held in memory, one at a time.
"""

import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from components.ingest.rows import MAX_FIELD_BYTES, BadFile

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
)
"""What an archive, or a member of it, that is damaged or locked raises."""
TOO_LARGE = f"has more than {MAX_FIELD_BYTES // 2**20} MiB, and one file is one row (cut it)"


class Member(NamedTuple):
    """A file: its place in the part from 1, its name, its content, or why there is none."""

    number: int
    name: str
    content: bytes = b""
    problem: str | None = None
    skipped: str | None = None


def is_archive(path: str) -> bool:
    """Whether a part is an archive of files."""
    return path.lower().endswith(".zip")


def members(stream: BinaryIO, path: str, name: str, endings: tuple[str, ...]) -> Iterator[Member]:
    """Yields the files of a part.

    Args:
        stream: the part.
        path: of it.
        name: what it is called, if it is no archive.
        endings: those of the members that are read, in small letters.

    Raises:
        BadFile: it is no archive although its name says so.
    """
    if not is_archive(path):
        content = stream.read(MAX_FIELD_BYTES + 1)
        too_large = len(content) > MAX_FIELD_BYTES
        yield Member(1, name, b"" if too_large else content, TOO_LARGE if too_large else None)
        return
    try:
        archive = zipfile.ZipFile(stream)
    except UNREADABLE as error:
        raise BadFile(path, None, f"no zip archive that can be read: {error}") from error
    with archive:
        seen: set[str] = set()
        for number, info in enumerate(archive.infolist(), start=1):
            if info.is_dir():
                continue
            yield _member(archive, info, number, endings, seen)
            seen.add(info.filename)


def _member(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    number: int,
    endings: tuple[str, ...],
    seen: set[str],
) -> Member:
    name = info.filename
    if os.path.basename(name).startswith(".") or name.startswith("__MACOSX/"):
        return Member(number, name, skipped="a hidden file in the archive")
    if not name.lower().endswith(endings):
        return Member(number, name, skipped=f"a file in the archive that is no {endings[0]}")
    if _leads_out(info.orig_filename):
        return Member(number, name, problem=f"member {name!r} leads out of the archive")
    if name in seen:
        return Member(number, name, problem=f"member {name!r} is in the archive twice")
    if info.file_size > MAX_FIELD_BYTES:
        return Member(number, name, problem=f"member {name!r} {TOO_LARGE}")
    try:
        content = archive.read(info)
    except UNREADABLE as error:
        return Member(number, name, problem=f"member {name!r} cannot be read: {error}")
    return Member(number, name, content)


def _leads_out(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or not parts[0] or ":" in parts[0] or "\\" in name or "\0" in name
