"""Where an experiment's runs, nodes and models lie, and the lock that keeps two runs apart."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DEFAULT_HOME = "runs"


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
