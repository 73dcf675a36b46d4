"""Fetches files of data sets: what came before a cut is kept, and nothing unverified is used.

A file is written to ``NAME.part`` and renamed when it is whole and its checksum is right.  The next
attempt asks the server for what is missing (HTTP Range, RFC 9110 section 14); one that does not
know ranges sends all of it again.
"""

import contextlib
import fcntl
import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.errors import UserError
from pipeline.corpora.files import fault_of
from pipeline.corpora.spec import Progress, RemoteFile

ATTEMPTS = 4
"""Connections that may bring nothing more before the user is told."""
TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as cut."""
CHUNK = 1 << 16
PAUSE = 1.0
"""Seconds before the second attempt; each further one waits twice as long."""
PASSING = (408, 429, 500, 502, 503, 504)
"""HTTP statuses that another attempt may change."""


class DownloadError(UserError):
    """A file that cannot be fetched."""


class Unreachable(DownloadError):
    """The home of a file does not answer."""


class WrongContent(DownloadError):
    """What came is not the file that was published."""


def default_cache() -> Path:
    """Where fetched files are kept: ``$XDG_CACHE_HOME/rondo`` or ``~/.cache/rondo``."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "rondo"


def fetch(file: RemoteFile, folder: Path, progress: Progress) -> Path:
    """Brings a file into a folder, unless it is there, and returns where it lies.

    Args:
        file: what to fetch.
        folder: created if it is not there.
        progress: called with the bytes that are there, of how many.

    Raises:
        Unreachable: its home does not answer.
        WrongContent: what came has another checksum; it is dropped.
        DownloadError: its home refuses, or the connection is cut again and again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target, part = folder / file.name, folder / f"{file.name}.part"
    with _alone(folder / f".{file.name}.lock"):
        if target.is_file():
            if fault_of(target, file.checksum) is None:
                return target
            target.unlink()
        resumed = part.is_file() and part.stat().st_size > 0
        _complete(file, part, progress)
        fault = fault_of(part, file.checksum)
        if fault is not None and resumed:
            # The file may have changed at its home since its first half came.
            part.unlink()
            _complete(file, part, progress)
            fault = fault_of(part, file.checksum)
        if fault is not None:
            part.unlink()
            raise WrongContent(
                f"{file.url}: what came is not the published file: {fault}; it was dropped (give "
                "the command again; if that does not help, its home has another version now)"
            )
        os.replace(part, target)
    return target


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Waits until no other process fetches the same file."""
    with open(lock, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _complete(file: RemoteFile, part: Path, progress: Progress) -> None:
    """Goes on until the whole file lies in ``part``."""
    fruitless, connected = 0, False
    while True:
        before = _size(part)
        try:
            if _continue(file, part, before, progress):
                return
            reason = "the connection was cut"
        except urllib.error.HTTPError as error:
            reason = f"its home answers {error.code} {error.reason}"
            if error.code not in PASSING:
                raise DownloadError(f"{file.url}: {reason}") from error
        except urllib.error.URLError as error:
            reason = _reason(error.reason)
            if not connected:
                raise Unreachable(f"{file.url} cannot be reached: {reason}") from error
        except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
            reason = _reason(error)
        here = _size(part)
        connected |= here > before
        fruitless = 0 if here > before else fruitless + 1
        if fruitless >= ATTEMPTS:
            raise DownloadError(
                f"{file.url}: {reason} (tried {ATTEMPTS} times); the {here:,} bytes that came are "
                "kept, and the same command goes on from there"
            )
        if fruitless:
            time.sleep(PAUSE * 2 ** (fruitless - 1))


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _continue(file: RemoteFile, part: Path, start: int, progress: Progress) -> bool:
    """Fetches what is missing over one connection, and says whether it came to the end."""
    request = urllib.request.Request(
        file.url, headers={"User-Agent": "rondo", "Accept-Encoding": "identity"}
    )
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:
            # Nothing is missing, or more is there than the file has; the checksum tells.
            return True
        raise
    with response:
        first, total = _range(response)
        if response.status == 206 and first != start:
            raise http.client.HTTPException(f"bytes from {first} came where {start} was asked for")
        position = start if response.status == 206 else 0
        with open(part, "ab" if position else "wb") as stream:
            progress(position, total or file.size, file.name)
            while chunk := response.read(CHUNK):
                stream.write(chunk)
                position += len(chunk)
                progress(position, total or file.size, file.name)
    return total is None or position >= total


def _range(response: Any) -> tuple[int, int | None]:
    """Where what a response holds begins, and the bytes of the whole file (None if not said)."""
    found = re.fullmatch(
        r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip()
    )
    if response.status == 206 and found:
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _reason(error: object) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
