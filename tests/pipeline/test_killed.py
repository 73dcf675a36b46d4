"""A run that is killed again and again, at any moment, ends as one that never was."""

import itertools
import json
import random
import re
import signal
import time
from pathlib import Path

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from support import EXPERIMENT, ROWS, forked, run_and_exit, write_experiment

from components.spec import RESUME
from pipeline import runs
from pipeline.corpora.word_order import json_lines
from pipeline.lineage import connection
from pipeline.nodes import EVALUATE, INGEST, PUSH, SCHEMA, STATISTICS, TRAIN, TRANSFORM
from pipeline.workspace import Workspace, WorkspaceError, locked, workspace

EPOCHS, EPOCH = 30, "Epoch"
MOMENTS = [
    *((INGEST, 1.0), (SCHEMA, 0.2), (STATISTICS, 2.0), (TRANSFORM, 4.0)),
    *((TRAIN, 3.0), (EPOCH, 0.5), (EPOCH, 1.0), (EPOCH, 1.0)),
    *((EVALUATE, 4.0), (PUSH, 0.05)),
]
"""Where a run is killed: within so many seconds of a node's start or of an epoch's end, or of the
start of a node after that."""
ORDER = [INGEST, SCHEMA, STATISTICS, TRANSFORM, TRAIN, EPOCH, EVALUATE, PUSH]
LONGEST = 240.0


def executions_from(place: Workspace, node: str) -> set[Path]:
    """Executions of a node and of those after it; of an epoch, what was kept."""
    later = ORDER[ORDER.index(node) :]
    epochs = place.nodes.glob(f"{TRAIN}/{RESUME}/*/epoch-*") if EPOCH in later else ()
    return {
        *epochs,
        *(
            path
            for name in later
            for path in (place.nodes / name / ".system" / "executor_execution").glob("*")
        ),
    }


def epochs_in(log: Path) -> list[int]:
    return [int(epoch) for epoch in re.findall(r"EpochEnd\(epoch=(\d+)", log.read_text())]


@pytest.mark.slow
def test_killed_at_ten_random_moments(tmp_path: Path) -> None:
    text = EXPERIMENT.replace("early_stopping: {patience: 4}", "early_stopping: null")
    text = text.replace("epochs: 12", f"epochs: {EPOCHS}")
    file, home = write_experiment(tmp_path, json_lines(ROWS), text), tmp_path / "runs"
    place = workspace(home, "order")
    delays, kills, context = random.Random(0), 0, forked()

    def start():
        child = context.Process(target=run_and_exit, args=(str(file), str(home)))
        child.start()
        return child

    for node, most in MOMENTS:
        before = executions_from(place, node)
        child = start()
        deadline = time.monotonic() + LONGEST
        while child.is_alive() and executions_from(place, node) <= before:
            assert time.monotonic() < deadline, f"{node} never started"
            time.sleep(0.01)
        child.join(delays.uniform(0.0, most))
        child.kill()
        child.join()
        kills += child.exitcode == -signal.SIGKILL
    # A Pusher may be done before it is killed.
    assert kills >= len(MOMENTS) - 1
    child = start()
    child.join()
    assert child.exitcode == 0

    records = runs.read(place)[0]
    assert records[-1].state == "blessed"
    assert [record.state for record in records[:-1]].count("killed") == kills
    assert records[-1].verdict is not None and records[-1].verdict["metrics"]["accuracy"] >= 0.9
    history = json.loads(Path(records[-1].artifacts["model_run"], "history.json").read_text())
    assert len(history) == EPOCHS
    trained = [epochs_in(log) for log in sorted(place.history.glob("*/log.txt"))]
    trained = [epochs for epochs in trained if epochs]
    assert len(trained) > 1 and trained[-1][-1] == EPOCHS
    for earlier, later in itertools.pairwise(trained):
        # The epoch that was told last may not have been kept yet.
        assert earlier[-1] <= later[0] <= earlier[-1] + 1

    store = metadata_store.MetadataStore(connection(place.metadata))
    executions = {execution.id: execution for execution in store.get_executions()}
    states = {execution.last_known_state for execution in executions.values()}
    assert states <= {mlmd.Execution.COMPLETE, mlmd.Execution.CACHED, mlmd.Execution.FAILED}
    for folder in place.nodes.glob("*/*/[0-9]*"):
        if folder.parent.name != "stateful_working_dir":
            assert executions[int(folder.name)].last_known_state == mlmd.Execution.COMPLETE, folder
    assert not list(place.nodes.glob("*/.resume"))
    assert len(list(place.pushed.iterdir())) == 1


def test_second_run_at_once_is_refused(tmp_path: Path) -> None:
    place = workspace(tmp_path, "order")
    refused = pytest.raises(WorkspaceError, match="another run of this experiment is under way")
    with locked(place), refused, locked(place):
        pytest.fail("two runs hold one workspace")
    with locked(place):
        assert place.folder.is_dir()
