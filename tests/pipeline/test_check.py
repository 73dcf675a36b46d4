"""``rondo check`` with its prediction, beside the run that it is about."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import Ran, write_experiment

from pipeline import calibrate
from pipeline.calibrate import CalibrationError, Task
from pipeline.cli.main import main
from pipeline.estimate import KEPT, Estimate
from pipeline.nodes import RESOLVERS, nodes


def test_network_that_cannot_be_timed_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "TIMING", "pipeline.no_such_module")
    with pytest.raises(CalibrationError, match=r"No module named.*--quick` leaves"):
        calibrate.calibrate(Task({}, [], [], {}))


def test_rows_that_are_elsewhere_are_not_read(tmp_path: Path) -> None:
    file = write_experiment(tmp_path, "")
    remote = "--set=data.path=gs://bucket/rows.jsonl"
    done = CliRunner().invoke(main, ["check", str(file), remote])
    assert done.exit_code == 0, done.output
    assert done.stdout == (
        "gs://bucket/rows.jsonl: not read here, so nothing is counted or predicted\n"
        f"{file}: experiment 'order' is fine by itself\n"
    )
    wrong = CliRunner().invoke(main, ["check", str(file), remote, "--set=network.cell=lstn"])
    assert wrong.exit_code == 2 and "unknown cell 'lstn'" in wrong.stderr


@pytest.mark.slow
def test_check_times_the_network_that_the_run_trains(
    first_run: Ran, experiment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    from components.train.run import KERAS_MODEL

    timed = []

    def calibrated(task: Task) -> calibrate.Calibration:
        timed.append(original(task))
        return timed[0]

    original = calibrate.calibrate
    monkeypatch.setattr(calibrate, "calibrate", calibrated)
    done = CliRunner().invoke(main, ["check", str(experiment_file), "--home", str(tmp_path)])
    assert done.exit_code == 0, done.output
    network = keras.models.load_model(Path(first_run.record.artifacts["model_run"], KERAS_MODEL))
    assert timed[0].parameters == network.count_params()
    assert timed[0].step > 0 and timed[0].validate_row > 0 and timed[0].judged_row > 0
    kept = Estimate(**json.loads((tmp_path / "order" / KEPT).read_text()))
    ran = {name for name in first_run.states() if name not in RESOLVERS}
    assert set(kept.nodes) <= {node.name for node in nodes(first_run.experiment)}
    assert ran <= set(kept.nodes) and kept.epochs == first_run.experiment.training.epochs
    assert f"{'all':<12} about" in done.stdout and "12 epochs at most" in done.stdout
