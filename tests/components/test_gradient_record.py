"""The gradient by lag is recorded while training, through a kill too, and kept with the model."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.errors import UserError
from components.train.batches import bucketed, row_lengths
from components.train.fit import fit
from components.train.gradient_record import PICTURE, RECORD, export, read
from models.spec import RecordGradients, TrainingOptions
from models.tasks.classify import Options as Classify

TASK = Classify(kind="classify", label="label")
ROWS, TIME = 32, 6


class Killed(BaseException):
    pass


class KillAt(keras.callbacks.Callback):
    """Stops as an epoch, from 0, begins."""

    def __init__(self, epoch: int):
        super().__init__()
        self._epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self._epoch:
            raise Killed


class Data:
    def __init__(self) -> None:
        source = np.random.default_rng(0)
        wave = source.normal(size=(ROWS, TIME, 2)).astype(np.float32)
        lengths = np.full(ROWS, TIME, np.int32)
        inputs = {"wave": wave, "wave_length": lengths}
        self.train = tf.data.Dataset.from_tensor_slices((inputs, wave[:, 0, :1]))
        self.train_lengths = row_lengths(self.train)
        self.task = TASK

    def batches(self, training: TrainingOptions, seed: int):
        batches = bucketed(self.train, self.train_lengths, 8, 1, None)
        return batches, batches


def network(recurrent: bool = True) -> keras.Model:
    keras.utils.set_random_seed(3)
    values = keras.Input((None, 2), name="wave")
    lengths = keras.Input((), dtype="int32", name="wave_length")
    layer = keras.layers.SimpleRNN(3, name="wave.forward.0") if recurrent else None
    last = layer(values) if layer else values[:, 0]
    model = keras.Model({"wave": values, "wave_length": lengths}, keras.layers.Dense(1)(last))
    model.compile("adam", "mse", jit_compile=False)
    return model


def trained(folder: Path, model: keras.Model, epochs: int, every: int, *kill) -> None:
    recording = RecordGradients(every=every, lags=8, rows=5)
    training = TrainingOptions(epochs=epochs, early_stopping=None, record_gradients=recording)
    log = str(folder / "log")
    fit(model, Data(), training, str(folder), task=TASK, log_folder=log, callbacks=kill)


@pytest.mark.slow
def test_the_record_goes_on_after_a_kill_and_stays_with_the_model(tmp_path: Path) -> None:
    """Every second epoch, and the first and the last in any case."""
    folder, target = tmp_path / "resume", tmp_path / "model"
    with pytest.raises(Killed):
        trained(folder, network(), 5, 2, KillAt(3))
    before = read(str(folder))
    assert sorted(before) == [0, 1, 2]
    trained(folder, network(), 5, 2)
    records = read(str(folder))
    assert sorted(records) == [0, 1, 2, 4, 5]
    assert {epoch: records[epoch] for epoch in before} == before
    for record in records.values():
        norms = record["wave.forward.0"]
        assert norms["rows"] == [5] * TIME + [0] * 3
        assert min(norms["hidden"][:TIME]) > 0.0 and norms["hidden"][TIME:] == [None] * 3
    assert records[4] != records[5]
    target.mkdir()
    export(str(folder), str(target))
    assert (target / RECORD).read_bytes() == (folder / RECORD).read_bytes()
    picture = tf.io.decode_png((target / PICTURE).read_bytes()).numpy()
    assert picture.shape[0] > 100 and picture.std() > 1.0
    log = min((folder / "log" / "gradients").glob("events*"))
    events = list(tf.compat.v1.train.summary_iterator(str(log)))
    tags = {value.tag for event in events for value in event.summary.value}
    assert {"gradient_by_lag", "gradient_by_lag/wave.forward.0/lag_4"} <= tags


def test_nothing_is_kept_where_nothing_was_asked_for(tmp_path: Path) -> None:
    export(str(tmp_path), str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_network_without_recurrence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"training.record_gradients: .* no recurrent layer"):
        trained(tmp_path, network(recurrent=False), 1, 1)
