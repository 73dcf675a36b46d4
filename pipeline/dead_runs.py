"""Clears up after a run whose process was killed.

TFX leaves such a run's executions RUNNING in ML Metadata for ever, with half-written outputs in
folders that nothing refers to.  The lock of a workspace goes with its process, so whoever holds it
knows that every execution which still runs is dead.
"""

import shutil
import time
from pathlib import Path
from typing import NamedTuple

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.spec import FINISHED, RESUME
from pipeline.lineage import connection, node_of
from pipeline.nodes import PUSH
from pipeline.workspace import Workspace

REASON = "rondo_reason"
KILLED = "its process ended before it did"
KEPT_SECONDS = 30 * 24 * 3600
UNFINISHED = (mlmd.Execution.NEW, mlmd.Execution.RUNNING)


class Cleared(NamedTuple):
    """What was found.

    Attributes:
        nodes: ids of the nodes that were running when their process was killed.
        folders: what was removed.
    """

    nodes: list[str]
    folders: list[Path]


def clear(place: Workspace) -> Cleared:
    """Marks dead executions FAILED and removes what they left half-written.

    The workspace must be locked, and no run may be under way in it.  What was kept for going on
    with a training or a search stays.
    """
    if not place.metadata.is_file():
        return Cleared([], [])
    store = metadata_store.MetadataStore(connection(place.metadata))
    dead = [
        execution
        for execution in store.get_executions()
        if execution.last_known_state in UNFINISHED
    ]
    nodes, orphans = [], []
    for execution in dead:
        node = node_of(store, execution.id)
        nodes.append(node)
        folder = place.nodes / node
        orphans += [
            path
            for path in (
                *folder.glob(f"*/{execution.id}"),
                *folder.glob(f".system/*/{execution.id}"),
            )
            if path.parent.name != RESUME
        ]
        execution.last_known_state = mlmd.Execution.FAILED
        execution.custom_properties[REASON].string_value = KILLED
        if node == PUSH:
            orphans += _half_pushed(place, store, execution)
    # First the folders: a kill in between leaves the executions to be found once more.
    for path in orphans:
        shutil.rmtree(path)
    store.put_executions(dead)
    return Cleared(nodes, orphans)


def _half_pushed(
    place: Workspace, store: metadata_store.MetadataStore, pusher: mlmd.Execution
) -> list[Path]:
    """Versions that a dead Pusher began: they are named by their second, and none reports them."""
    known = {
        Path(artifact.custom_properties["pushed_destination"].string_value).name
        for artifact in store.get_artifacts_by_type("PushedModel")
    }
    since = pusher.create_time_since_epoch // 1000
    return [
        path
        for path in place.pushed.glob("[0-9]*")
        if path.name.isdecimal() and path.name not in known and int(path.name) >= since
    ]


def forget_finished(place: Workspace, nodes: list[str]) -> None:
    """Removes what complete nodes had kept for going on.

    What other settings had kept stays for a month, so that going back to them goes on.
    """
    oldest = time.time() - KEPT_SECONDS
    for node in nodes:
        resume = place.nodes / node / RESUME
        for folder in resume.glob("*"):
            if (folder / FINISHED).exists() or folder.stat().st_mtime < oldest:
                shutil.rmtree(folder)
        if resume.is_dir() and not any(resume.iterdir()):
            resume.rmdir()
