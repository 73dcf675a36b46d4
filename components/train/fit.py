"""The training loop, the same for the Trainer and for each of the Tuner's trials."""

from collections.abc import Callable, Sequence

import keras

from components.progress import EpochEnd, Event, StepEnd, report
from components.train.checkpoint import Checkpoints
from components.train.data import TrainingData
from components.train.finite import StopAtNonFinite
from components.train.gradient_record import recorder
from models.options import TaskOptions
from models.spec import TrainingOptions

REPORT_STEPS = 10


def fit(
    network: keras.Model,
    data: TrainingData,
    training: TrainingOptions,
    folder: str,
    *,
    task: TaskOptions,
    log_folder: str,
    initial_epoch: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    tell: Callable[[Event], None] = report,
) -> list[dict[str, float]]:
    """Trains until the validate split gets no better, going on where a killed process was.

    Args:
        network: compiled.
        data: what to train on.
        training: for how long.
        folder: of checkpoints; outlives the process.
        task: says which way its metrics get better.
        log_folder: of TensorBoard's logs.
        initial_epoch: epochs that the network is trained already.
        callbacks: further ones.
        tell: hears of each epoch, and of some steps.

    Returns:
        metrics of each epoch, those of the validate split named ``val_*``.

    Raises:
        UserError: a loss or a gradient is not finite, or its record cannot be taken.
    """
    stopping = _early_stopping(training, task)
    checkpoints = Checkpoints(folder, network, stopping)
    if checkpoints.load_trained():
        return checkpoints.history
    train, validation = data.batches(training, training.seed + checkpoints.epochs)
    # A constant rate is the optimiser's own; a search may have set another one there.
    schedule = (
        [keras.callbacks.LearningRateScheduler(training.rate)]
        if training.schedule != "constant"
        else []
    )
    finite = StopAtNonFinite(network, training, folder)
    recording = training.record_gradients
    recorders = (
        [] if recording is None else [recorder(recording, network, data, folder, log_folder)]
    )
    with finite.guarding():
        network.fit(
            train,
            validation_data=validation,
            epochs=training.epochs,
            initial_epoch=initial_epoch,
            callbacks=[
                OwnNames(task.training_metrics),
                finite,
                ProgressCallback(training.epochs, tell),
                keras.callbacks.TensorBoard(log_folder, write_graph=False),
                *([] if stopping is None else [stopping]),
                *recorders,
                *schedule,
                *checkpoints.callbacks(),
                *callbacks,
            ],
            verbose=0,
        )
    checkpoints.save_trained()
    return checkpoints.history


def _early_stopping(
    training: TrainingOptions, task: TaskOptions
) -> keras.callbacks.EarlyStopping | None:
    options = training.early_stopping
    if options is None:
        return None
    return keras.callbacks.EarlyStopping(
        monitor=f"val_{options.monitor}",
        mode=task.direction(options.monitor),
        patience=options.patience,
        restore_best_weights=True,
    )


class OwnNames(keras.callbacks.Callback):
    """Gives metrics the names that the task has for them, for all callbacks behind this one.

    Keras puts the output's name in front of a metric's where a network has several outputs.
    """

    def __init__(self, names: Sequence[str]):
        super().__init__()
        self._names = tuple(names)

    def on_epoch_end(self, epoch, logs=None):
        for given in list(logs or {}):
            split = "val_" if given.startswith("val_") else ""
            metric = given.removeprefix(split)
            for name in self._names if metric not in self._names else ():
                if metric.endswith(f"_{name}"):
                    logs[split + name] = logs.pop(given)


class ProgressCallback(keras.callbacks.Callback):
    """Tells of steps and epochs."""

    def __init__(self, epochs: int, tell: Callable[[Event], None] = report):
        super().__init__()
        self._epochs = epochs
        self._epoch = 0
        self._tell = tell

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        if batch % REPORT_STEPS == 0 and logs:
            self._tell(StepEnd(self._epoch, self._epochs, batch + 1, float(logs["loss"])))

    def on_epoch_end(self, epoch, logs=None):
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        self._tell(EpochEnd(epoch + 1, self._epochs, metrics))
