"""A search's state on disk: whatever moment a kill leaves it in, the search goes on."""

import json
from collections import Counter
from pathlib import Path

import keras_tuner
import pytest
from keras_tuner.engine.trial import TrialStatus

from components.tune.oracle import make_oracle
from models.search_space import TuneOptions
from models.tasks.classify import Options as Classify

TASK = Classify(kind="classify", label="label")
SPACE = {"network.units": tuple(range(1, 500))}


def oracle(folder: Path, algorithm: str = "random", objective: str = "accuracy"):
    trials = None if algorithm == "hyperband" else 4
    made = make_oracle(
        TuneOptions(algorithm=algorithm, trials=trials, objective=objective), TASK, 9
    )
    made._set_project_dir(str(folder), "search")
    made.verbose = 0
    hp = keras_tuner.HyperParameters()
    hp.Choice("network.units", list(SPACE["network.units"]))
    made.update_space(hp)
    return made


def end(made, trial, score: float) -> None:
    made.update_trial(trial.trial_id, {made.objective.name: score})
    trial.status = TrialStatus.COMPLETED
    made.end_trial(trial)


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "hyperband"])
def test_goes_on_at_the_trials_it_was_in(tmp_path: Path, algorithm: str) -> None:
    before = oracle(tmp_path, algorithm)
    first, second = before.create_trial("worker-0"), before.create_trial("worker-1")
    end(before, first, 0.5)
    after = oracle(tmp_path, algorithm)
    after.reload()
    again = after.create_trial("worker-0")
    assert again.trial_id == second.trial_id
    assert again.hyperparameters.values == second.hyperparameters.values
    assert after.get_best_trials()[0].score == 0.5


def test_number_of_trials_is_kept(tmp_path: Path) -> None:
    made = oracle(tmp_path)
    for score in (0.1, 0.2):
        end(made, made.create_trial("worker-0"), score)
    made = oracle(tmp_path)
    made.reload()
    for score in (0.3, 0.4):
        end(made, made.create_trial("worker-0"), score)
    assert made.create_trial("worker-0").status == TrialStatus.STOPPED
    assert len(made.trials) == 4


def test_trial_that_the_search_never_knew_of_is_dropped(tmp_path: Path) -> None:
    """Killed between the trial's file and the oracle's."""
    made = oracle(tmp_path)
    made.save()
    kept = Path(made._get_oracle_fname()).read_text(encoding="utf-8")
    lost = made.create_trial("worker-0")
    Path(made._get_oracle_fname()).write_text(kept, encoding="utf-8")
    again = oracle(tmp_path)
    again.reload()
    assert not again.trials
    assert again.create_trial("worker-0").trial_id == lost.trial_id


def test_completed_trial_is_not_repeated(tmp_path: Path) -> None:
    """Killed between the completed trial's file and the oracle's."""
    made = oracle(tmp_path)
    trial = made.create_trial("worker-0")
    kept = Path(made._get_oracle_fname()).read_text(encoding="utf-8")
    end(made, trial, 0.7)
    Path(made._get_oracle_fname()).write_text(kept, encoding="utf-8")
    again = oracle(tmp_path)
    again.reload()
    assert again.create_trial("worker-0").trial_id != trial.trial_id
    assert again.end_order == [trial.trial_id]


def test_files_are_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = oracle(tmp_path)
    made.save()
    kept = Path(made._get_oracle_fname()).read_text(encoding="utf-8")

    def killed(source: str, target: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("components.tune.oracle.os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        made.create_trial("worker-0")
    assert Path(made._get_oracle_fname()).read_text(encoding="utf-8") == kept
    assert json.loads(kept)["ongoing_trials"] == {}


def hyperband_rounds(made, fails) -> Counter:
    """How many trials each round of each bracket has; ``fails`` says which of the first do."""
    rounds: Counter = Counter()
    while (trial := made.create_trial("worker-0")).status == TrialStatus.RUNNING:
        values = trial.hyperparameters.values
        before = made.trials.get(values.get("tuner/trial_id", ""))
        assert before is None or before.status == TrialStatus.COMPLETED
        rounds[values["tuner/bracket"], values["tuner/round"]] += 1
        if before is None and fails(rounds.total()):
            trial.status = TrialStatus.FAILED
            made.end_trial(trial)
        else:
            end(made, trial, 1.0 / rounds.total())
    return rounds


@pytest.mark.parametrize("objective", ["accuracy", "loss"])
def test_hyperband_goes_on_without_the_trials_that_failed(tmp_path: Path, objective: str) -> None:
    whole = hyperband_rounds(oracle(tmp_path / "a", "hyperband", objective), lambda number: False)
    made = oracle(tmp_path / "b", "hyperband", objective)
    assert hyperband_rounds(made, lambda number: number % 3 == 0) == whole
    assert max(round_number for _, round_number in whole) > 1
    failed = [trial for trial in made.trials.values() if trial.status == TrialStatus.FAILED]
    assert len(failed) > 3 and all(trial.score is None for trial in failed)
