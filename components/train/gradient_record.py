"""Records the gradient by lag while training: a file that outlives the process, and its picture."""

import json
import os
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg

from components.errors import UserError
from components.train.batches import bucketed
from components.train.data import TrainingData
from models.answers import taught
from models.gradient_figure import draw
from models.gradients import GradientByLag, to_json
from models.spec import RecordGradients

RECORD, PICTURE = "gradients.json", "gradients.png"


class GradientRecorder(keras.callbacks.Callback):
    """Keeps the norms of each epoch in ``gradients.json`` and shows them in TensorBoard.

    The file holds, by epoch from 1, what ``models.gradients.to_json`` gives; epoch 0 is the network
    before any training.

    It stands after EarlyStopping among the callbacks, so that it knows the last epoch.

    Args:
        by_lag: of the network that is trained.
        inputs: of the batch that is looked at, by name.
        labels: of the batch.
        every: epochs between two records.
        folder: of the file; outlives the process.
        log_folder: of TensorBoard's logs.
    """

    def __init__(
        self,
        by_lag: GradientByLag,
        inputs: Mapping[str, np.ndarray],
        labels: np.ndarray,
        every: int,
        folder: str,
        log_folder: str,
    ):
        super().__init__()
        self._by_lag = by_lag
        self._batch = (inputs, labels)
        self._every = every
        self._file = os.path.join(folder, RECORD)
        self._log_folder = os.path.join(log_folder, "gradients")
        self._records: dict[int, Any] = {}
        self._epoch: int | None = None
        self._writer: tf.summary.SummaryWriter | None = None

    def on_epoch_begin(self, epoch, logs=None):
        if self._epoch is not None:
            return
        # The first epoch of this process: what was recorded of it and later was of weights that
        # were not kept.
        self._epoch = epoch
        kept = read(os.path.dirname(self._file))
        self._records = {number: record for number, record in kept.items() if number <= epoch}
        if epoch == 0:
            self._record(0)

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = epoch + 1
        last = self.model.stop_training or self._epoch == self.params["epochs"]
        if epoch == 0 or last or self._epoch % self._every == 0:
            self._record(self._epoch)

    def on_train_end(self, logs=None):
        if self._writer is not None:
            self._writer.close()

    def _record(self, epoch: int) -> None:
        self._records[epoch] = to_json(self._by_lag(*self._batch))
        with tf.io.gfile.GFile(f"{self._file}.partial", "w") as file:
            file.write(json.dumps(self._records))
        tf.io.gfile.rename(f"{self._file}.partial", self._file, overwrite=True)
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(self._log_folder)
        with self._writer.as_default():
            for layer, norms in self._records[epoch].items():
                for lag, norm in enumerate(norms["hidden"]):
                    if norm is not None and _shown(lag):
                        tf.summary.scalar(f"gradient_by_lag/{layer}/lag_{lag}", norm, step=epoch)
            tf.summary.image("gradient_by_lag", _pixels(self._records)[None], step=epoch)
        self._writer.flush()


def recorder(
    options: RecordGradients, network: keras.Model, data: TrainingData, folder: str, log_folder: str
) -> GradientRecorder:
    """The callback that an experiment asks for.

    Args:
        options: of the experiment.
        network: compiled and built.
        data: the first rows of whose train split are looked at.
        folder: outlives the process.
        log_folder: of TensorBoard's logs.

    Raises:
        UserError: the gradient by lag cannot be taken of this network.
    """
    rows = min(options.rows, len(data.train_lengths))
    first = bucketed(data.train.take(rows), data.train_lengths[:rows], rows, 1, None)
    inputs, labels = next(iter(first.map(taught(data.task)).as_numpy_iterator()))
    try:
        by_lag = GradientByLag(network, options.lags)
    except ValueError as error:
        raise UserError(
            f"training.record_gradients: {error} (or set training.record_gradients: null)"
        ) from error
    return GradientRecorder(by_lag, inputs, labels, options.every, folder, log_folder)


def read(folder: str) -> dict[int, Any]:
    """What was recorded, by epoch; nothing if nothing was."""
    file = os.path.join(folder, RECORD)
    if not tf.io.gfile.exists(file):
        return {}
    with tf.io.gfile.GFile(file) as opened:
        return {int(epoch): record for epoch, record in json.loads(opened.read()).items()}


def export(folder: str, target: str) -> None:
    """Puts what was recorded in a folder, and its picture, where they stay; nothing if nothing."""
    records = read(folder)
    if not records:
        return
    tf.io.gfile.copy(os.path.join(folder, RECORD), os.path.join(target, RECORD), overwrite=True)
    encoded = tf.io.encode_png(_pixels(records)).numpy()
    with tf.io.gfile.GFile(os.path.join(target, PICTURE), "wb") as file:
        file.write(encoded)


def _shown(lag: int) -> bool:
    """Powers of two: a curve for each lag would bury TensorBoard's page."""
    return lag & (lag - 1) == 0


def _pixels(records: Mapping[int, Any]) -> np.ndarray:
    """The picture, uint8 ``[height, width, 4]``."""
    canvas = FigureCanvasAgg(draw({f"epoch {epoch}": records[epoch] for epoch in sorted(records)}))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())
