"""Runs that end otherwise than planned: their records, exit status, and what the screen says."""

import json
import signal
import sys
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from click.testing import CliRunner
from support import write_experiment

from components import progress
from components.errors import DataError
from pipeline import estimate, observer, runs
from pipeline.cli.latest import latest_judged
from pipeline.cli.main import main
from pipeline.experiment import load
from pipeline.node_configs import ingest_config
from pipeline.observer import Interrupted, NodeRun, Observation
from pipeline.workspace import (
    Workspace,
    WorkspaceError,
    newest_model,
    restore_model,
    workspace,
)


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Stands in for ``pipeline.local_runner``, so that TFX is not imported."""
    module = ModuleType("pipeline.local_runner")

    def complete(record, _place, seen, _experiment) -> None:
        if seen.failure is None:
            record.state = "refused"

    module.complete_record = complete
    import pipeline

    monkeypatch.setitem(sys.modules, "pipeline.local_runner", module)
    monkeypatch.setattr(pipeline, "local_runner", module, raising=False)
    return module


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = "".join(json.dumps({"text": "a b", "label": label}) + "\n" for label in "xy")
    return write_experiment(tmp_path, rows)


def run(file: Path, capfd: pytest.CaptureFixture[str]) -> tuple[int, runs.RunRecord, str]:
    """The exit status, the record and what the screen showed."""
    home = file.parent / "home"
    with pytest.raises(SystemExit) as caught:
        main(["run", str(file), "--home", str(home)])
    (record,), skipped = runs.read(workspace(home, "order"))
    assert not skipped
    shown = "".join(capfd.readouterr())
    assert "Traceback" not in shown
    return caught.value.code, record, shown


@pytest.mark.parametrize(
    ("failure", "status", "message"),
    [
        (DataError("rows.jsonl:100: [/x] [Errno 2]"), 2, "rows.jsonl:100: [/x] [Errno 2]"),
        (ValueError("[/x]"), 1, "ValueError: [/x] (the log has the whole trace)"),
    ],
    ids=["data", "other"],
)
@pytest.mark.parametrize("raised", [False, True], ids=["observed", "raised"])
def test_failed_run(runner, file, capfd, failure, status, message, raised) -> None:
    def fail(*_args, **_how):
        if raised:
            raise failure
        return Observation(None, [NodeRun("Ingest", "failed")], failure)

    runner.run = fail
    code, record, shown = run(file, capfd)
    assert code == status and record.state == "failed" and record.message == message
    assert shown.count(message) == 1
    assert [node["node"] for node in record.nodes] == ([] if raised else ["Ingest"])
    (log,) = (file.parent / "home" / "order" / "history").glob("*/log.txt")
    assert f"{type(failure).__name__}: {failure}" in log.read_text()
    assert not raised or "Traceback" in log.read_text()


def test_error_after_the_nodes_keeps_them(runner, file, capfd) -> None:
    def complete(*_args):
        raise OSError(2, "No such file", "/x/release.json")

    runner.run = lambda *_, **__: Observation(None, [NodeRun("Ingest", "done")], None)
    runner.complete_record = complete
    code, record, _ = run(file, capfd)
    assert code == 1 and record.state == "failed" and "/x/release.json" in record.message
    assert [node["node"] for node in record.nodes] == ["Ingest"]


@pytest.mark.parametrize("raised", [False, True])
def test_interrupted_run(runner, file, capfd, raised) -> None:
    def interrupt(*_args, **_how):
        if raised:
            raise KeyboardInterrupt
        return Observation(None, [], Interrupted("Ctrl-C"))

    runner.run = interrupt
    code, record, shown = run(file, capfd)
    assert code == 130 and record.state == "interrupted"
    assert "interrupted" in shown and "up to date" not in shown


def test_prediction_stands_beside_what_it_took(runner, file, capfd) -> None:
    experiment = load(str(file))
    nodes = {"Ingest": 3.0, "Trainer": 1000.0, "Evaluator": 5.0}
    key = estimate.key_of(experiment, ingest_config(experiment))
    prediction = estimate.Estimate(key, 20.0, nodes, 60.0, 12, 2048.0, {}, 0)
    estimate.write(prediction, workspace(file.parent / "home", "order").folder)

    def train(_experiment, _place, listener, **_how):
        for epoch in (1, 2):
            progress.report(progress.EpochEnd(epoch, 12, {}))
        seen = [NodeRun("Ingest", "cached"), NodeRun("Trainer", "done")]
        for node in seen:
            listener(node)
        return Observation(None, seen, None)

    runner.run = train
    _, record, shown = run(file, capfd)
    assert record.epochs == 2 and record.memory > 10
    # The start and two of twelve epochs.
    assert "(7.0 min predicted of what ran)" in shown and "(2.0 GB predicted)" in shown
    with pytest.raises(SystemExit):
        main(["runs", "--home", str(file.parent / "home")])
    assert "420 s" in capfd.readouterr().out
    assert record.nodes[1]["why"] == ["first time"] and "why" not in record.nodes[0]
    said = [line.split()[1:] for line in shown.splitlines()]
    assert ["Ingest", "unchanged"] in said and ["Trainer", *["0.0", "s", "first", "time"]] in said


class FakeLauncher:
    """As far as the observer looks at TFX's."""

    _executor_operator = None
    body = staticmethod(lambda: None)

    def __init__(self, node: str):
        self._pipeline_node = SimpleNamespace(node_info=SimpleNamespace(id=node))
        value = SimpleNamespace(string_value="run")
        self._pipeline_runtime_spec = SimpleNamespace(
            pipeline_run_id=SimpleNamespace(field_value=value)
        )

    def launch(self):
        return self.body()

    def _run_executor(self, info):
        return None


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> type[FakeLauncher]:
    module = ModuleType("launcher")
    module.Launcher = type("Launcher", (FakeLauncher,), dict(FakeLauncher.__dict__))
    monkeypatch.setitem(sys.modules, "tfx.orchestration.portable.launcher", module)
    for name in ("tfx", "tfx.orchestration", "tfx.orchestration.portable"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    return module.Launcher


def test_interrupt_in_a_driver_is_seen(launcher) -> None:
    def body():
        signal.raise_signal(signal.SIGINT)

    launcher.body = staticmethod(body)
    with pytest.raises(KeyboardInterrupt), observer.observed(lambda node: None) as seen:
        launcher("Ingest").launch()
    assert seen.nodes[0].state == "interrupted"


def test_interrupt_reaches_a_node_in_another_thread(launcher) -> None:
    started = threading.Event()

    def body():
        started.set()
        for _ in range(3000):
            time.sleep(0.01)

    def thread():
        with pytest.raises(Interrupted):
            launcher("Trainer").launch()

    launcher.body = staticmethod(body)
    before = signal.getsignal(signal.SIGINT)
    with observer.observed(lambda node: None) as seen:
        worker = threading.Thread(target=thread)
        worker.start()
        assert started.wait(10)
        signal.raise_signal(signal.SIGINT)
        worker.join(10)
    assert not worker.is_alive()
    assert seen.nodes[0].state == "interrupted" and isinstance(seen.failure, Interrupted)
    assert signal.getsignal(signal.SIGINT) is before


def write_record(home: Path, run: str, content: str | dict) -> Path:
    path = home / "order" / "history" / run / runs.RECORD
    path.parent.mkdir(parents=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def record(**fields) -> dict:
    given = {"run": "r", "experiment": "order", "file": "/f.yaml", "overrides": [], "options": {}}
    return given | fields


def test_unreadable_records_are_skipped_with_a_note(tmp_path: Path) -> None:
    good = record(run="r[/x]", state="failed", message="[/x] [Errno 2] :100:\nmore")
    write_record(tmp_path, "1", good)
    bad = [
        write_record(tmp_path, "2", json.dumps(record())[:-5]),
        write_record(tmp_path, "3", record(colour="red")),
        write_record(tmp_path, "4", {"run": "r"}),
    ]
    for arguments in (["runs"], ["runs", "order"]):
        done = CliRunner().invoke(
            main, [*arguments, "--home", str(tmp_path)], env={"COLUMNS": "200"}
        )
        assert done.exit_code == 0, done.output
        notes = done.stderr.splitlines()
        assert len(notes) == 3
        for path, note in zip(bad, notes, strict=True):
            assert note.startswith(f"{path}: skipped, ")
        assert "r[/x]" in done.stdout and "[/x] [Errno 2] :100:" in done.stdout


def test_experiment_of_an_older_version_is_said(tmp_path: Path) -> None:
    write_record(tmp_path, "1", record(verdict={"rules": []}, run="1", options={"name": "order"}))
    with pytest.raises(WorkspaceError, match="not one of this version of Rondo: data: Field"):
        latest_judged("order", str(tmp_path))


def model_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "saved_model.pb").write_text("model")
    return path


def test_newest_model_is_one(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    model_folder(place.pushed / "9")
    (place.pushed / "10").mkdir()
    assert newest_model(place) == str(place.pushed / "9")


def test_released_model_is_put_back(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    assert not restore_model(place, "12", tmp_path / "nothing")
    copy = model_folder(tmp_path / "copy")
    assert restore_model(place, "12", copy)
    assert [path.name for path in place.pushed.iterdir()] == ["12"]
    assert newest_model(place) == str(place.pushed / "12")
    assert not restore_model(place, "12", copy)
    assert not restore_model(place, "11", copy)
    (place.pushed / "13").mkdir()
    with pytest.raises(WorkspaceError, match="remove the folder"):
        restore_model(place, "13", copy)
