"""What a killed run leaves, in a small ML Metadata store written by hand."""

import os
import time
from pathlib import Path

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.spec import FINISHED, RESUME
from pipeline.dead_runs import KEPT_SECONDS, KILLED, REASON, clear, forget_finished
from pipeline.workspace import Workspace


class Store:
    """A workspace whose executions are made one by one."""

    def __init__(self, folder: Path) -> None:
        self.place = Workspace(folder)
        folder.mkdir(exist_ok=True)
        config = mlmd.ConnectionConfig()
        config.sqlite.filename_uri = str(self.place.metadata)
        config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self.store = metadata_store.MetadataStore(config)
        self._node = self.store.put_context_type(mlmd.ContextType(name="node"))
        self._step = self.store.put_execution_type(mlmd.ExecutionType(name="Step"))
        pushed = mlmd.ArtifactType(name="PushedModel")
        self._pushed = self.store.put_artifact_type(pushed)

    def execution(self, node: str, state: int) -> int:
        given = mlmd.Execution(type_id=self._step, last_known_state=state)
        (made,) = self.store.put_executions([given])
        context = mlmd.Context(type_id=self._node, name=f"order.{node}")
        found = self.store.get_context_by_type_and_name("node", context.name)
        number = found.id if found else self.store.put_contexts([context])[0]
        self.store.put_attributions_and_associations(
            [], [mlmd.Association(context_id=number, execution_id=made)]
        )
        for part in ("output", ".system/executor_execution"):
            (self.place.nodes / node / part / str(made)).mkdir(parents=True)
        return made

    def pushed(self, version: str, reported: bool) -> Path:
        folder = self.place.pushed / version
        folder.mkdir(parents=True)
        if reported:
            artifact = mlmd.Artifact(type_id=self._pushed)
            artifact.custom_properties["pushed_destination"].string_value = str(folder)
            self.store.put_artifacts([artifact])
        return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "order")


def test_dead_executions_are_marked_and_their_folders_removed(store: Store) -> None:
    done = store.execution("Ingest", mlmd.Execution.COMPLETE)
    dead = store.execution("Trainer", mlmd.Execution.RUNNING)
    kept = store.place.nodes / "Trainer" / RESUME / "settings"
    kept.mkdir(parents=True)
    cleared = clear(store.place)
    assert cleared.nodes == ["Trainer"]
    by_id = {execution.id: execution for execution in store.store.get_executions()}
    assert by_id[dead].last_known_state == mlmd.Execution.FAILED
    assert by_id[dead].custom_properties[REASON].string_value == KILLED
    assert by_id[done].last_known_state == mlmd.Execution.COMPLETE
    left = {path.relative_to(store.place.nodes).parts for path in store.place.nodes.glob("*/*/*")}
    assert ("Trainer", "output", str(dead)) not in left
    assert ("Ingest", "output", str(done)) in left and kept.is_dir()
    assert clear(store.place).nodes == []


def test_half_pushed_version_is_removed_and_no_other(store: Store) -> None:
    now = int(time.time())
    older, released = store.pushed(str(now - 500), False), store.pushed(str(now - 400), True)
    store.execution("Pusher", mlmd.Execution.RUNNING)
    half = store.pushed(str(now + 5), False)
    clear(store.place)
    assert older.is_dir() and released.is_dir() and not half.exists()


def test_released_models_stay_where_another_node_died(store: Store) -> None:
    store.execution("Ingest", mlmd.Execution.RUNNING)
    copied = store.pushed(str(int(time.time()) + 5), False)
    clear(store.place)
    assert copied.is_dir()


def test_what_other_settings_had_kept_stays_for_a_while(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    resume = place.nodes / "Trainer" / RESUME
    for name in ("done", "other", "old"):
        (resume / name).mkdir(parents=True)
    (resume / "done" / FINISHED).touch()
    long_ago = time.time() - KEPT_SECONDS - 60
    os.utime(resume / "old", (long_ago, long_ago))
    forget_finished(place, [])
    assert len(list(resume.iterdir())) == 3
    forget_finished(place, ["Trainer", "Ingest"])
    assert [path.name for path in resume.iterdir()] == ["other"]
    (resume / "other" / FINISHED).touch()
    forget_finished(place, ["Trainer"])
    assert not resume.exists()


def test_nothing_was_run_yet(tmp_path: Path) -> None:
    assert clear(Workspace(tmp_path)) == ([], [])
