"""What `rondo tune` writes back, and when it says that there is nothing to write."""

import dataclasses
from pathlib import Path

import pytest
from support import EXPERIMENT

from components.tune.results import DEFAULT, SearchResult, Trial
from pipeline.cli.tune import _offer
from pipeline.experiment import load
from pipeline.runs import RunRecord

OWN = {"network.units": 16}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "order.yaml"
    file.write_text(EXPERIMENT, encoding="utf-8")
    return file


def offered(file: Path, best: dict, write: bool = True, default_score: float = 0.5) -> None:
    trials = (
        Trial(DEFAULT, "completed", OWN, default_score),
        Trial("0", "completed", best, 0.9),
        Trial("1", "failed", best, error="a.b.Error: no"),
    )
    search = SearchResult("val_accuracy", "max", trials, 2, 1)
    record = RunRecord("r", "order", str(file), [], {})
    record.search = dataclasses.asdict(search)
    _offer(str(file), record, write)


def test_best_values_are_written(file: Path, capsys: pytest.CaptureFixture) -> None:
    offered(file, {"network.units": 32})
    assert load(str(file)).network.units == 32
    assert load(str(file)).tune is None
    assert "network.units: 32 (was 16)" in capsys.readouterr().out


def test_a_file_that_states_a_search_does_not_repeat_it(file: Path) -> None:
    file.write_text(f"{EXPERIMENT}tune: {{trials: 2}}  # some\n", encoding="utf-8")
    offered(file, {"network.units": 32})
    written = load(str(file))
    assert written.tune is not None and not written.tune.in_run and written.tune.trials == 2


def test_the_file_is_what_is_compared_with(file: Path) -> None:
    """With `--set network.units=32` the search's own values were others than the file's."""
    offered(file, {"network.units": 16, "network.layers": 2})
    assert "units: 16" in file.read_text(encoding="utf-8")
    assert load(str(file)).network.layers == 2


@pytest.mark.parametrize(
    "best, default_score, said",
    [
        ({"network.units": 32}, 0.95, "no trial is better than the experiment's own values"),
        ({"network.units": 32, "width": 4}, 0.5, "nothing is written: width belong"),
        ({"network.units": 16}, 0.5, "states the best values already"),
    ],
)
def test_why_nothing_is_written(
    file: Path, capsys: pytest.CaptureFixture, best: dict, default_score: float, said: str
) -> None:
    offered(file, best, default_score=default_score)
    assert said in capsys.readouterr().out
    assert file.read_text(encoding="utf-8") == EXPERIMENT


def test_without_a_terminal_it_says_how_to_write(file: Path, capsys: pytest.CaptureFixture) -> None:
    offered(file, {"network.units": 32}, write=False)
    assert "the same command with --write" in capsys.readouterr().out
    assert file.read_text(encoding="utf-8") == EXPERIMENT


def test_a_trial_s_reason_is_the_error_s_last_line() -> None:
    trial = Trial("0", "failed", {}, error="Traceback\n  x\ncomponents.errors.UserError: no: way\n")
    assert trial.reason == "UserError: no: way"
    assert Trial("0", "failed", {}, error="components.x.Odd").reason == "Odd"
    assert Trial("0", "completed", {}).reason == ""
