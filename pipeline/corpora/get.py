"""Brings a data set into a folder, whole or not at all, and knows what it has put there.

Beside the data lies a hidden ``.NAME.json``: what was asked for and the SHA-256 of every file.  A
folder where these agree is left as it is.
"""

import contextlib
import json
import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.errors import UserError
from pipeline.corpora import download
from pipeline.corpora.files import digest_of, fault_of, unpack_gzip
from pipeline.corpora.spec import DownloadedSet, GeneratedSet, Progress, RemoteFile

SHOWN = 8
"""Names that an error lists; the others are counted."""


class FolderError(UserError):
    """The folder of a data set, or the one to take its files from, cannot be used."""


def is_there(
    dataset: DownloadedSet | GeneratedSet, options: Mapping[str, int], output: Path
) -> bool:
    """Whether a folder holds the data set as asked for, unchanged."""
    try:
        record = json.loads(_record_path(dataset.name, output).read_text(encoding="utf-8"))
        if record["identity"] != _identity(dataset, options) or not record["files"]:
            return False
        return all(_sha256(output / name) == digest for name, digest in record["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def check_place(name: str, output: Path, force: bool) -> None:
    """Refuses to write over what lies in a folder.

    Raises:
        FolderError: it holds something, and ``force`` is false; or it is no folder.
    """
    if output.exists() and not output.is_dir():
        raise FolderError(f"{output}: is no folder (choose another one with --output)")
    if force or not output.is_dir() or not any(output.iterdir()):
        return
    if _record_path(name, output).is_file():
        what = f"holds {name} with other options, of another version, or changed since"
    else:
        what = f"is not empty, and what lies there is not {name}"
    raise FolderError(f"{output}: {what} (--force writes over it; --output takes another folder)")


def download_into(
    dataset: DownloadedSet,
    output: Path,
    *,
    cache: Path,
    source: Path | None,
    progress: Progress,
) -> None:
    """Fetches a data set, or takes a local copy, and brings it into a folder in its ready form.

    Args:
        dataset: the data set.
        output: the folder.
        cache: where fetched files are kept, a folder a data set.
        source: a folder with the files; they are fetched if it is None.
        progress: called with the bytes of the file that is being fetched.

    Raises:
        UserError: the files cannot be had, or are not the published ones.
    """
    with tempfile.TemporaryDirectory(prefix="rondo-") as spare:
        if source is None:
            files = {file.name: _fetched(dataset, file, cache, progress) for file in dataset.files}
        else:
            files = {
                file.name: _local(dataset, file, source, Path(spare)) for file in dataset.files
            }
        progress(0, None, "unpacking")
        with _staged(dataset, {}, output) as folder:
            dataset.prepare(files, folder)


def generate_into(
    dataset: GeneratedSet, options: Mapping[str, int], output: Path, progress: Progress
) -> list[str]:
    """Generates a data set in a folder, and returns lines to show after it."""
    with _staged(dataset, options, output) as folder:
        return dataset.generate(folder, options, progress)


def _fetched(dataset: DownloadedSet, file: RemoteFile, cache: Path, progress: Progress) -> Path:
    try:
        return download.fetch(file, cache / dataset.name, progress)
    except download.WrongContent:
        raise
    except download.DownloadError as error:
        asks = "is there a network? " if isinstance(error, download.Unreachable) else ""
        names = ", ".join(file.name for file in dataset.files)
        raise UserError(
            f"{error} ({asks}`rondo data get {dataset.name} --from DIR` takes a local copy of "
            f"{names})"
        ) from error


def _local(dataset: DownloadedSet, file: RemoteFile, source: Path, spare: Path) -> Path:
    """The path of a file's local copy, verified; one that was packed by gzip is unpacked."""
    path, packed = source / file.name, source / f"{file.name}.gz"
    ready = (
        "a folder that holds the data in the ready form can be named to the experiment: rondo run "
        f"{dataset.experiment} --set data.path={shlex.quote(str(source))}"
    )
    if not path.is_file() and not packed.is_file():
        raise FolderError(
            f"{source}: holds no {file.name} ({_listing(source)}); {dataset.name} is made from "
            f"{', '.join(file.name for file in dataset.files)} ({ready})"
        )
    found = path
    if not path.is_file():
        path, found = packed, spare / file.name
        unpack_gzip(packed, found)
    fault = fault_of(found, file.checksum)
    if fault is not None:
        raise FolderError(
            f"{path}: is another file than the published one: {fault}; nothing was taken from it "
            f"({ready})"
        )
    return found


def _listing(folder: Path) -> str:
    if not folder.is_dir():
        return "there is no such folder"
    names = sorted(path.name for path in folder.iterdir())
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"there are {', '.join(names[:SHOWN])}{more}" if names else "it is empty"


@contextlib.contextmanager
def _staged(
    dataset: DownloadedSet | GeneratedSet, options: Mapping[str, int], output: Path
) -> Iterator[Path]:
    """An empty folder whose files are moved to ``output`` at the end, the record last."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as temporary:
        staging = Path(temporary)
        yield staging
        names = sorted(str(path.relative_to(staging)) for path in _files(staging))
        record = {
            "identity": _identity(dataset, options),
            "files": {name: _sha256(staging / name) for name in names},
        }
        record_path = _record_path(dataset.name, output)
        stale = _recorded(record_path) - set(names)
        # Without its record the folder counts as unfinished, whenever this is killed.
        record_path.unlink(missing_ok=True)
        for name in names:
            (output / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / name, output / name)
        for name in stale:
            (output / name).unlink(missing_ok=True)
        content = json.dumps(record, indent=1, sort_keys=True) + "\n"
        (staging / "record").write_text(content, encoding="utf-8")
        os.replace(staging / "record", record_path)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _recorded(record_path: Path) -> set[str]:
    """The files that an earlier record names; only those inside the folder."""
    try:
        names = json.loads(record_path.read_text(encoding="utf-8"))["files"]
        return {name for name in names if ".." not in Path(name).parts and not os.path.isabs(name)}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _record_path(name: str, output: Path) -> Path:
    return output / f".{name}.json"


def _identity(dataset: DownloadedSet | GeneratedSet, options: Mapping[str, int]) -> dict[str, Any]:
    """What decides the bytes of a data set."""
    if isinstance(dataset, GeneratedSet):
        return {"name": dataset.name, "version": dataset.version, "options": dict(options)}
    digests = {file.name: file.checksum.digest for file in dataset.files}
    return {"name": dataset.name, "version": dataset.version, "files": digests}


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return digest_of(stream, "sha256")
