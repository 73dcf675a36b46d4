"""The experiment's tuner: keras-tuner's, with our training loop for a trial.

``tuner_fn`` is what TFX's Tuner names.  It is called once in the chief, which holds the oracle, and
once in each worker, which trains; which of them it is in, keras-tuner reads from the environment
that ``components.tune.executor`` gives its workers.
"""

import functools
import json
import math
import os
import time
import traceback
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
import tensorflow as tf
import tensorflow_transform as tft
from pydantic import ValidationError
from tensorboard.plugins.hparams import api as hparams_api
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from components.embeddings.artifact import embeddings_folder
from components.errors import UserError
from components.progress import Event, report
from components.spec import TUNE_KEY, TuneConfig
from components.train.checkpoint import TRAINED
from components.train.data import TrainingData, load
from components.train.fit import fit
from components.transform import TftLearnt
from components.tune.oracle import make_oracle
from components.tune.results import DEFAULT
from models.network import compile_network
from models.options import TaskOptions
from models.own_network import Parts, build_any
from models.search_space import OWN_PREFIX, chosen, declare
from models.spec import TrainingOptions
from models.tasks.names import Labels

PROJECT, ERROR, TENSORBOARD = "search", "error.txt", "tensorboard"
DEFAULT_RESULT = "default.json"
IDLE_SECONDS = 0.05


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """The tuner of an experiment, its state kept in ``fn_args.working_dir``."""
    config = TuneConfig.model_validate_json(fn_args.custom_config[TUNE_KEY])
    learnt = TftLearnt(
        tft.TFTransformOutput(fn_args.transform_graph_path), embeddings_folder(fn_args)
    )
    # Rows are read when a trial needs them: the chief trains nothing.
    data = functools.cache(lambda: load(fn_args, config.task))
    epochs = config.tune.epochs or config.training.epochs
    tuner = TrialRunner(
        oracle=make_oracle(config.tune, config.task, epochs),
        hypermodel=ExperimentNetwork(config, learnt, lambda: data().labels()),
        directory=fn_args.working_dir,
        project_name=PROJECT,
        data=data,
        epochs=epochs,
    )
    return TunerFnResult(tuner=tuner, fit_kwargs={})


class ExperimentNetwork(keras_tuner.HyperModel):
    """Builds the experiment's network with a trial's values."""

    def __init__(self, config: TuneConfig, learnt: TftLearnt, labels: Labels):
        super().__init__()
        self._config = config
        self._learnt = learnt
        self._labels = labels

    def declare_hyperparameters(self, hp: keras_tuner.HyperParameters) -> None:
        declare(hp, self._config.space)

    @property
    def asks_itself(self) -> bool:
        """Whether building tells of values that were not declared."""
        return self._config.network.build_model is not None

    @property
    def task(self) -> TaskOptions:
        """The experiment's task."""
        return self._config.task

    def training(self, hp: keras_tuner.HyperParameters) -> TrainingOptions:
        """The trial's training options."""
        return self._chosen(hp).training

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """The trial's network, compiled."""
        options = self._chosen(hp)
        keras.utils.set_random_seed(options.training.seed)
        parts = Parts(self._config.features, self._config.task, options.network, self._learnt)
        network = build_any(parts, hp)
        if not network.compiled:
            compile_network(
                network, self._config.task, options.training, self._learnt, self._labels
            )
        return network

    def _chosen(self, hp: keras_tuner.HyperParameters):
        config = self._config
        try:
            return chosen(config.network, config.training, config.space, hp.values)
        except ValidationError as error:
            problems = [problem["msg"].removeprefix("Value error, ") for problem in error.errors()]
            raise UserError(f"the values do not go together: {'; '.join(problems)}") from error


class TrialRunner(keras_tuner.Tuner):
    """Runs trials with the Trainer's own loop, so that a killed one goes on at its epoch.

    Args:
        data: gives what to train on.
        epochs: of a trial, at most.
        options: of keras-tuner's Tuner.
    """

    def __init__(self, *, data: Callable[[], TrainingData], epochs: int, **options: Any):
        self._data = data
        self._epochs = epochs
        self.tell: Callable[[str, Event], None] = lambda trial_id, event: report(event)
        super().__init__(**options)

    def _populate_initial_space(self) -> None:
        if self._is_worker():
            return  # The chief's space comes with each trial.
        if self.oracle_is_kept:
            self.oracle.reload()
            return
        hp = self.oracle.get_space()
        self.hypermodel.declare_hyperparameters(hp)
        self.oracle.update_space(hp)
        if self.hypermodel.asks_itself:
            self._activate_all_conditions()

    @property
    def oracle_is_kept(self) -> bool:
        """Whether a search was begun before."""
        return os.path.isfile(self.oracle._get_oracle_fname())

    def save(self) -> None:
        """Keeps nothing: all state is the oracle's, which the chief keeps."""

    def pre_create_trial(self) -> None:
        # The oracle answers at once while it waits for other trials, and would be asked at once.
        time.sleep(IDLE_SECONDS)

    def run_trial(self, trial: keras_tuner.engine.trial.Trial, *args, **kwargs) -> dict[str, float]:
        """Trains a trial's network; gives the metrics of its best epoch."""
        values = trial.hyperparameters.values
        folder = self.get_trial_dir(trial.trial_id)
        before = values.get(f"{OWN_PREFIX}trial_id")
        try:
            return self.train(
                trial.hyperparameters,
                folder,
                trial.trial_id,
                epochs=values.get(f"{OWN_PREFIX}epochs", self._epochs),
                initial_epoch=values.get(f"{OWN_PREFIX}initial_epoch", 0),
                weights=os.path.join(self.get_trial_dir(before), TRAINED) if before else None,
            )
        except Exception:
            # keras-tuner's messages between worker and chief have no place for it.
            with open(os.path.join(folder, ERROR), "w", encoding="utf-8") as file:
                file.write(traceback.format_exc())
            raise

    def run_default(self) -> None:
        """Trains the experiment's own values and writes down how good they are."""
        result = os.path.join(self.project_dir, DEFAULT_RESULT)
        if os.path.exists(result):
            return
        folder = os.path.join(self.project_dir, DEFAULT)
        try:
            hp = keras_tuner.HyperParameters()
            content = {"metrics": self.train(hp, folder, DEFAULT, epochs=self._epochs)}
        except Exception:
            content = {"error": traceback.format_exc()}
        with open(f"{result}.partial", "w", encoding="utf-8") as file:
            json.dump(content, file)
        os.replace(f"{result}.partial", result)

    def train(
        self,
        hp: keras_tuner.HyperParameters,
        folder: str,
        trial_id: str,
        *,
        epochs: int,
        initial_epoch: int = 0,
        weights: str | None = None,
    ) -> dict[str, float]:
        """Trains a network with some values.

        Args:
            hp: the values.
            folder: of checkpoints and TensorBoard's logs.
            trial_id: under which epochs are told.
            epochs: the epoch to end at.
            initial_epoch: the epoch to begin at.
            weights: of an earlier trial, to begin with.

        Returns:
            the metrics of the best epoch by the search's objective.
        """
        network = self.hypermodel.build(hp)
        if weights is not None:
            if not os.path.exists(weights):
                raise UserError("the trial that it goes on from failed, and none better is left")
            # Built first, so that its state is read too.
            network.optimizer.build(network.trainable_variables)
            network.load_weights(weights)
        log_folder = os.path.join(folder, TENSORBOARD)
        _log_values(log_folder, hp.values, trial_id)
        history = fit(
            network,
            self._data(),
            # The gradient by lag is a picture of the network that is pushed, not of each trial.
            self.hypermodel.training(hp).model_copy(
                update={"epochs": epochs, "record_gradients": None}
            ),
            folder,
            task=self.hypermodel.task,
            log_folder=log_folder,
            initial_epoch=initial_epoch,
            tell=lambda event: self.tell(trial_id, event),
        )
        keras.backend.clear_session()
        return best_epoch(history, self.oracle.objective)


def best_epoch(
    history: list[dict[str, float]], objective: keras_tuner.Objective
) -> dict[str, float]:
    """The metrics of the best epoch.

    Raises:
        ValueError: the objective is not among the metrics, or never a finite number.
    """
    for metrics in history:
        if objective.name not in metrics:
            raise ValueError(f"the objective {objective.name} is not among {', '.join(metrics)}")
    finite = [metrics for metrics in history if math.isfinite(metrics[objective.name])]
    if not finite:
        raise ValueError(f"the objective {objective.name} was no finite number in any epoch")
    pick = min if objective.direction == "min" else max
    return pick(finite, key=lambda metrics: metrics[objective.name])


def _log_values(log_folder: str, values: dict[str, Any], trial_id: str) -> None:
    """Makes the values show beside the curves in TensorBoard's HParams page."""
    shown = {name: value for name, value in values.items() if not name.startswith(OWN_PREFIX)}
    writer = tf.summary.create_file_writer(log_folder)
    with writer.as_default():
        hparams_api.hparams(shown, trial_id=trial_id)
    writer.close()
