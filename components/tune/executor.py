"""Runs a search: keras-tuner's chief in this process, its workers in others.

TFX's own executor runs one trial after the other, and calls a search in which every trial failed a
success.  This one runs them in parallel, goes on with a search that was killed, trains the
experiment's own values beside the trials, and fails where no trial completed.
"""

import json
import os
import queue
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import keras_tuner
import tensorflow as tf
from keras_tuner.engine.trial import Trial as TunerTrial
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer
from tfx import types
from tfx.components.trainer.fn_args_utils import get_common_fn_args
from tfx.components.tuner.executor import get_tune_args
from tfx.components.util import udf_utils
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils
from tfx.utils import json_utils

from components.embeddings.artifact import with_embeddings
from components.progress import TrialsChanged, report
from components.spec import TUNE_KEY, TuneConfig
from components.train.checkpoint import finish, resume_folder
from components.tune.results import DEFAULT, SEARCH, SearchResult, Trial
from components.tune.search import DEFAULT_RESULT, ERROR, TENSORBOARD, TrialRunner
from components.tune.workers import Worker, cores, default_parallel
from models.search_space import OWN_PREFIX, decoded, own_values

BEST, RESULTS = "best_hyperparameters.txt", "tuner_results.json"
"""The names that TFX's Trainer and TFX's own Tuner give them."""
POLL_SECONDS = 0.2


class SearchFailed(Exception):
    """No trial gave a score; the message says why."""


class ParallelTunerExecutor(BaseExecutor):
    """Executor of TFX's Tuner."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Searches, and writes the best values and what came of each trial.

        Raises:
            SearchFailed: no trial completed.
        """
        if get_tune_args(exec_properties):
            raise ValueError("tune_args: how many trials run at a time is `tune.parallel`")
        custom_config = json_utils.loads(exec_properties["custom_config"])
        config = TuneConfig.model_validate_json(custom_config[TUNE_KEY])
        results = artifact_utils.get_single_uri(output_dict["tuner_results"])
        inputs = sorted(
            (name, artifact.uri) for name, given in input_dict.items() for artifact in given
        )
        tune = config.tune.model_copy(update={"parallel": None})
        folder = resume_folder(results, config.model_copy(update={"tune": tune}), inputs)
        os.makedirs(folder, exist_ok=True)
        fn_args = get_common_fn_args(input_dict, exec_properties, folder)
        fn_args = with_embeddings(fn_args, input_dict)
        tuner = udf_utils.get_fn(exec_properties, "tuner_fn")(fn_args).tuner
        parallel = config.tune.parallel or default_parallel()
        parallel = min(parallel, (config.tune.most_trials or parallel) + 1)
        search = Search(tuner, config, parallel)
        job = {
            "inputs": json_utils.dumps(input_dict),
            "exec_properties": exec_properties,
            "working_dir": folder,
            "threads": max(1, cores() // parallel),
        }
        search.run(Path(folder), job)
        result = search.result()
        if not [trial for trial in result.completed if trial.trial != DEFAULT]:
            raise SearchFailed(_why_none_completed(result))
        self._write(result, search, results, output_dict)
        finish(folder)

    def _write(
        self,
        result: SearchResult,
        search: "Search",
        results: str,
        output_dict: dict[str, list[types.Artifact]],
    ) -> None:
        best = artifact_utils.get_single_uri(output_dict["best_hyperparameters"])
        _write_text(
            os.path.join(best, BEST), json.dumps(search.best_hyperparameters().get_config())
        )
        _write_text(os.path.join(results, SEARCH), result.to_json())
        records = [
            {"trial_id": trial.trial, "score": trial.score, **trial.values}
            for trial in result.completed
        ]
        _write_text(os.path.join(results, RESULTS), json.dumps(records))
        search.copy_logs(os.path.join(results, TENSORBOARD))


class Search:
    """A search under way.

    Args:
        tuner: with the oracle; of the chief.
        config: the experiment's share.
        parallel: workers.
    """

    def __init__(self, tuner: TrialRunner, config: TuneConfig, parallel: int):
        self._tuner = tuner
        self._oracle = tuner.oracle
        self._oracle.verbose = 0
        self._config = config
        self._parallel = parallel
        self._epochs: dict[str, int] = {}
        self._ended: dict[str, Trial] = {}

    def run(self, folder: Path, job: dict[str, Any]) -> None:
        """Runs workers until the oracle has no trial left.

        Raises:
            SearchFailed: a worker ended before it had a trial.
        """
        heard: queue.Queue[tuple[str, int]] = queue.Queue()
        self._oracle.save()
        with served(self._oracle) as port:

            def start(number: int) -> Worker:
                # One of them begins with the experiment's own values.
                return Worker(
                    f"worker-{number}", folder, {**job, "default": not number}, port, heard
                )

            workers: dict[int, Worker] = {}
            try:
                for number in range(self._parallel):
                    workers[number] = start(number)
                shown = None
                while workers:
                    time.sleep(POLL_SECONDS)
                    for number, worker in list(workers.items()):
                        if worker.poll() == 0:
                            worker.stop()
                            del workers[number]
                        elif worker.poll() is not None:
                            worker.stop()
                            self._hear(heard)
                            self._bury(worker)
                            workers[number] = start(number)
                    self._hear(heard)
                    result = self.result()
                    if result != shown:
                        shown = result
                        report(TrialsChanged(result))
            finally:
                for worker in workers.values():
                    worker.stop()

    def _hear(self, heard: "queue.Queue[tuple[str, int]]") -> None:
        while not heard.empty():
            trial, epoch = heard.get()
            self._epochs[trial] = epoch

    def _bury(self, worker: Worker) -> None:
        """Ends the trial of a dead worker."""
        trial = self._oracle.ongoing_trials.get(worker.name)
        if trial is not None:
            folder = self._tuner.get_trial_dir(trial.trial_id)
            _write_text(os.path.join(folder, ERROR), worker.death())
            ended = TunerTrial(trial.hyperparameters, trial.trial_id, TrialStatus.FAILED)
            self._oracle.end_trial(ended)
        elif DEFAULT in self._epochs and not self._has_default():
            content = json.dumps({"error": worker.death()})
            _write_text(os.path.join(self._tuner.project_dir, DEFAULT_RESULT), content)
        else:
            raise SearchFailed(f"a worker had no trial yet when it ended:\n{worker.death()}")

    def _has_default(self) -> bool:
        return os.path.exists(os.path.join(self._tuner.project_dir, DEFAULT_RESULT))

    def result(self) -> SearchResult:
        """What is known so far."""
        objective = self._oracle.objective
        trials = [self._trial(trial) for _, trial in sorted(dict(self._oracle.trials).items())]
        return SearchResult(
            objective.name,
            objective.direction,
            (self._default(), *trials),
            self._config.tune.most_trials,
            self._parallel,
        )

    def _trial(self, trial: TunerTrial) -> Trial:
        if trial.trial_id in self._ended:
            return self._ended[trial.trial_id]
        values = self._shown(trial.hyperparameters)
        # The chief's other thread is done with a trial only when it stands among the ended ones.
        if trial.trial_id not in self._oracle.end_order:
            epoch = self._epochs.get(trial.trial_id, 0)
            return Trial(trial.trial_id, "running", values, epoch=epoch)
        if trial.status == TrialStatus.COMPLETED:
            histories = trial.metrics.metrics.items()
            metrics = {name: history.get_best_value() for name, history in histories}
            ended = Trial(trial.trial_id, "completed", values, trial.score, metrics)
        else:
            ended = Trial(trial.trial_id, "failed", values, error=self._error(trial))
        self._ended[trial.trial_id] = ended
        return ended

    def _error(self, trial: TunerTrial) -> str:
        path = os.path.join(self._tuner.get_trial_dir(trial.trial_id), ERROR)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return file.read()
        return f"the objective {self._oracle.objective.name} is not a number"

    def _default(self) -> Trial:
        if DEFAULT in self._ended:
            return self._ended[DEFAULT]
        config = self._config
        values = own_values(config.network, config.training, config.space)
        if not self._has_default():
            return Trial(DEFAULT, "running", values, epoch=self._epochs.get(DEFAULT, 0))
        with open(os.path.join(self._tuner.project_dir, DEFAULT_RESULT), encoding="utf-8") as file:
            content = json.load(file)
        if "error" in content:
            ended = Trial(DEFAULT, "failed", values, error=content["error"])
        else:
            score = content["metrics"][self._oracle.objective.name]
            ended = Trial(DEFAULT, "completed", values, score, content["metrics"])
        self._ended[DEFAULT] = ended
        return ended

    def _shown(self, hp: keras_tuner.HyperParameters) -> dict[str, Any]:
        """Values as an experiment states them, and those of a user's function by their names."""
        space = self._config.space
        others = {
            name: value
            for name, value in hp.values.items()
            if name not in space and not name.startswith(OWN_PREFIX)
        }
        return {**decoded(space, hp.values), **others}

    def best_hyperparameters(self) -> keras_tuner.HyperParameters:
        """Those of the best trial; without any values if none is better than the experiment's."""
        best = self.result().completed[0]
        if best.trial == DEFAULT:
            return keras_tuner.HyperParameters()
        return self._oracle.get_trial(best.trial).hyperparameters

    def copy_logs(self, target: str) -> None:
        """Copies every trial's TensorBoard logs, a folder a trial."""
        project = Path(self._tuner.project_dir)
        for log in project.glob(f"*/{TENSORBOARD}/**/*"):
            if log.is_file():
                trial = log.relative_to(project).parts[0].removeprefix("trial_")
                inner = log.relative_to(project / log.relative_to(project).parts[0] / TENSORBOARD)
                copied = os.path.join(target, trial, str(inner))
                tf.io.gfile.makedirs(os.path.dirname(copied))
                tf.io.gfile.copy(str(log), copied, overwrite=True)


@contextmanager
def served(oracle: keras_tuner.Oracle) -> Iterator[int]:
    """Serves an oracle to workers on this machine, as keras-tuner's chief; gives the port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    protos.get_service_grpc().add_OracleServicer_to_server(OracleServicer(oracle), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


def _why_none_completed(result: SearchResult) -> str:
    failed = [trial for trial in result.trials if trial.error and trial.trial != DEFAULT]
    if not failed:
        return "the search ended without a trial (is the space empty?)"
    return (
        f"none of the {len(failed)} trials completed; trial {failed[0].trial}: {failed[0].reason}\n"
        f"{failed[0].error}"
    )


def _write_text(path: str, text: str) -> None:
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)
