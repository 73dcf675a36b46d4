"""Where an experiment's runs, nodes and models lie, and the lock that keeps two runs apart."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DEFAULT_HOME = "runs"
MODEL_FILE = "saved_model.pb"


class WorkspaceError(Exception):
    """The workspace cannot be used; the message says why and what to do."""


class Workspace(NamedTuple):
    """The folder of one experiment, ``HOME/NAME``."""

    folder: Path

    @property
    def metadata(self) -> Path:
        """The sqlite file of the ML Metadata store."""
        return self.folder / "metadata.sqlite"

    @property
    def nodes(self) -> Path:
        """What the pipeline's nodes wrote."""
        return self.folder / "nodes"

    @property
    def pushed(self) -> Path:
        """Released models, a folder a version: what is served."""
        return self.folder / "pushed"

    @property
    def history(self) -> Path:
        """A folder a run, with its record and its log."""
        return self.folder / "history"

    @property
    def code(self) -> Path:
        """What the nodes' code hashes are hashes of, a file a hash."""
        return self.folder / "code"


def workspace(home: str | Path, name: str) -> Workspace:
    """The workspace of an experiment under a home folder."""
    return Workspace(Path(home).absolute() / name)


def existing(home: str | Path, name: str) -> Workspace:
    """The workspace of an experiment that was run before.

    Raises:
        WorkspaceError: nothing of that name was run under this home.
    """
    found = workspace(home, name)
    if not found.folder.is_dir():
        others = sorted(path.parent.name for path in Path(home).glob("*/history") if path.is_dir())
        raise WorkspaceError(
            f"{found.folder}: no experiment of that name was run here; "
            + (f"there are {', '.join(others)}" if others else "there is none yet")
            + " (start one with `rondo run FILE`, or name another folder with --home)"
        )
    return found


def newest_model(place: Workspace) -> str | None:
    """Folder of the newest pushed version; a folder without a SavedModel is none."""
    versions = [
        path
        for path in place.pushed.glob("[0-9]*")
        if path.name.isdecimal() and (path / MODEL_FILE).is_file()
    ]
    return str(max(versions, key=lambda path: int(path.name))) if versions else None


def restore_model(place: Workspace, version: str, copy: str | Path) -> bool:
    """Puts a released version back if it is gone and no newer one is there, whole or not at all.

    Args:
        place: the workspace.
        version: name of the version's folder.
        copy: the Pusher's own copy of the model.

    Returns:
        whether it was put back.

    Raises:
        WorkspaceError: something else is where the version should be.
    """
    newest = newest_model(place)
    if newest is not None and int(Path(newest).name) >= int(version):
        return False
    if not Path(copy, MODEL_FILE).is_file():
        return False
    destination = place.pushed / version
    if destination.exists():
        raise WorkspaceError(
            f"{destination}: holds no {MODEL_FILE}, though this version was released; remove the "
            "folder and give the same command, which puts the model back"
        )
    # Not all digits, so that no server takes it for a version while it is copied.
    partial = place.pushed / f"restoring-{version}"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(copy, partial)
    os.replace(partial, destination)
    return True


@contextlib.contextmanager
def locked(place: Workspace) -> Iterator[None]:
    """Holds the workspace; the lock goes with the process, however it ends.

    Raises:
        WorkspaceError: another run holds it.
    """
    place.folder.mkdir(parents=True, exist_ok=True)
    with open(place.folder / "lock", "a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WorkspaceError(
                f"{place.folder}: another run of this experiment is under way; wait for it, or "
                "run elsewhere with --home"
            ) from None
        yield
