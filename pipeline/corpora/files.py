"""Digests, packing and unpacking of the files of data sets; everything in bounded memory."""

import gzip
import hashlib
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from components.errors import UserError
from pipeline.corpora.spec import Checksum

CHUNK = 1 << 20


class ArchiveError(UserError):
    """An archive that is broken or wants to write elsewhere."""


def digest_of(stream: BinaryIO, algorithm: str) -> str:
    """The digest of what is left of a stream, in hexadecimal digits."""
    return hashlib.file_digest(
        stream, lambda: hashlib.new(algorithm, usedforsecurity=False)
    ).hexdigest()


def fault_of(path: Path, checksum: Checksum) -> str | None:
    """What is wrong with a file's content, or None."""
    with open(path, "rb") as stream:
        came = digest_of(stream, checksum.algorithm)
    if came == checksum.digest:
        return None
    return (
        f"its {checksum.algorithm} is {came}, and {checksum.digest} was published "
        f"({checksum.source})"
    )


def pack(source: Path, target: Path) -> None:
    """Packs a file by gzip, so that the same content gives the same bytes."""
    with (
        open(source, "rb") as content,
        open(target, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
    ):
        shutil.copyfileobj(content, packed, CHUNK)


def unpack_gzip(source: Path, target: Path) -> None:
    """Unpacks a gzip file.

    Raises:
        ArchiveError: it is broken.
    """
    try:
        with gzip.open(source) as packed, open(target, "wb") as content:
            shutil.copyfileobj(packed, content, CHUNK)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ArchiveError(f"{source}: not a whole gzip file: {error}") from error


def read_tar(
    archive: Path,
    wanted: Callable[[PurePosixPath], bool],
    take: Callable[[PurePosixPath, BinaryIO], None],
) -> None:
    """Hands over the wanted files of a tar archive, in the archive's order.

    Args:
        archive: the file, packed or not.
        wanted: of a member's path.
        take: called with the path and the content of each.

    Raises:
        ArchiveError: it is broken, or a wanted member is no plain file or lies outside the archive.
    """
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if member.isdir() or not wanted(path):
                    continue
                if path.is_absolute() or ".." in path.parts or "\\" in member.name:
                    raise ArchiveError(
                        f"{archive}: member {member.name!r} would be written outside the folder; "
                        "nothing more of it is unpacked (fetch the archive from its home)"
                    )
                content = tar.extractfile(member) if member.isreg() else None
                if content is None:
                    raise ArchiveError(
                        f"{archive}: member {member.name!r} is a link or a device, and only plain "
                        "files are unpacked (fetch the archive from its home)"
                    )
                take(path, content)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ArchiveError(f"{archive}: not a whole tar archive: {error}") from error


def unpack_tar(archive: Path, folder: Path, place: Callable[[PurePosixPath], str | None]) -> int:
    """Unpacks the wanted files of a tar archive.

    Args:
        archive: the file, packed or not.
        folder: where to.
        place: the path, within ``folder``, of the member of a path; None leaves it out.

    Returns:
        how many files were written.

    Raises:
        ArchiveError: see ``read_tar``; or a file would lie outside the folder.
    """
    written = 0
    root = os.path.realpath(folder)

    def write(path: PurePosixPath, content: BinaryIO) -> None:
        nonlocal written
        target = folder / str(place(path))
        if not os.path.realpath(target).startswith(root + os.sep):
            raise ArchiveError(f"{archive}: member {str(path)!r} would be written outside {folder}")
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as file:
            shutil.copyfileobj(content, file, CHUNK)
        written += 1

    read_tar(archive, lambda path: place(path) is not None, write)
    return written


def as_they_are(files: Mapping[str, Path], folder: Path) -> None:
    """Copies files into a folder, under their names."""
    for name, path in files.items():
        shutil.copyfile(path, folder / name)


def packed(files: Mapping[str, Path], folder: Path) -> None:
    """Packs files into a folder, under their names and ``.gz``."""
    for name, path in files.items():
        pack(path, folder / f"{name}.gz")
