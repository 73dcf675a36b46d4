"""keras-tuner's oracles, with a state on disk that a kill cannot spoil.

keras-tuner writes ``oracle.json`` and each ``trial.json`` in place, one after the other: a process
killed in between leaves a file that cannot be read, or a trial that is counted and never run.
"""

import json
import math
import os
import shutil
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle

from models.options import TaskOptions
from models.search_space import TuneOptions


class Durable:
    """Writes every file whole or not at all, and mends what a kill left between two of them."""

    def save(self) -> None:
        """Writes ``oracle.json``."""
        _write(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial) -> None:
        path = os.path.join(self._get_trial_dir(trial.trial_id), "trial.json")
        _write(path, trial.get_state())

    def reload(self) -> None:
        """Reads what was kept; trials that were under way are run again."""
        super().reload()
        for trial_id, trial in list(self.trials.items()):
            if trial.status == TrialStatus.COMPLETED and trial_id not in self.end_order:
                self.end_order.append(trial_id)
            elif trial_id not in {*self._retry_queue, *self.end_order}:
                # Its number was taken, but the search never knew of it.
                del self.trials[trial_id]
                shutil.rmtree(self._get_trial_dir(trial_id))
        # keras-tuner keeps a trial that just ended as one that is under way.
        self._retry_queue = [one for one in self._retry_queue if one not in self.end_order]


class DurableRandom(Durable, RandomSearchOracle):
    """Random search."""


class DurableBayesian(Durable, BayesianOptimizationOracle):
    """Gaussian-process search (Snoek et al. 2012)."""


class DurableHyperband(Durable, HyperbandOracle):
    """Hyperband (Li et al. 2018); a trial that failed counts as the worst of its round.

    keras-tuner's would wait for its score, and go on with one trial less for each that failed.
    """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The values of the next trial."""
        failed = [trial for trial in self.trials.values() if trial.status == TrialStatus.FAILED]
        worst = math.inf if self.objective.direction == "min" else -math.inf
        for trial in failed:
            trial.status, trial.score = TrialStatus.COMPLETED, worst
        try:
            return super().populate_space(trial_id)
        finally:
            for trial in failed:
                trial.status, trial.score = TrialStatus.FAILED, None


def make_oracle(tune: TuneOptions, task: TaskOptions, epochs: int) -> keras_tuner.Oracle:
    """The oracle of a search; its space is still empty.

    Args:
        tune: the search's options.
        task: says which way its metrics get better.
        epochs: of a trial, at most.
    """
    shared = {
        "objective": keras_tuner.Objective(f"val_{tune.objective}", task.direction(tune.objective)),
        "seed": tune.seed,
        # A search ends when its trials are used up, and then says why they failed.
        "max_consecutive_failed_trials": 10**9,
    }
    if tune.algorithm == "hyperband":
        return DurableHyperband(
            max_epochs=epochs,
            factor=tune.factor or 3,
            hyperband_iterations=tune.iterations or 1,
            **shared,
        )
    oracle = DurableBayesian if tune.algorithm == "bayesian" else DurableRandom
    return oracle(max_trials=tune.most_trials, **shared)


def _write(path: str, state: dict) -> None:
    partial = f"{path}.partial"
    with open(partial, "w", encoding="utf-8") as file:
        file.write(json.dumps(state))
    os.replace(partial, path)
