"""Training that is stopped anywhere goes on where it was."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.spec import FINISHED
from components.train.checkpoint import Checkpoints, finish, resume_folder
from components.train.fit import fit
from models.spec import EarlyStopping, TrainingOptions
from models.tasks.classify import Options as Classify

TASK = Classify(kind="classify", label="label")
ROWS, EPOCHS = 64, 6


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


class KillAt(keras.callbacks.Callback):
    """Stops at a step of an epoch, both from 0."""

    def __init__(self, epoch: int, step: int):
        super().__init__()
        self._at = (epoch, step)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self._epoch, batch) == self._at:
            raise Killed


class Data:
    """Rows that a line separates, in batches of 8."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        inputs = generator.normal(size=(ROWS, 3)).astype(np.float32)
        self.rows = tf.data.Dataset.from_tensor_slices((inputs, inputs[:, 0] > 0))
        self.seeds: list[int] = []

    def batches(self, training: TrainingOptions, seed: int):
        self.seeds.append(seed)
        return self.rows.shuffle(ROWS, seed=seed).batch(8), self.rows.batch(8)


def network() -> keras.Model:
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    return model


def options(patience: int | None = None) -> TrainingOptions:
    stopping = EarlyStopping(patience=patience) if patience else None
    return TrainingOptions(epochs=EPOCHS, early_stopping=stopping)


def trained(folder: Path, training: TrainingOptions, *kill: keras.callbacks.Callback):
    model = network()
    log = str(folder / "log")
    history = fit(model, Data(), training, str(folder), task=TASK, log_folder=log, callbacks=kill)
    return model, history


@pytest.mark.parametrize("epoch, step", [(0, 0), (1, 3), (4, 7)])
def test_goes_on_at_the_epoch_it_was_in(tmp_path: Path, epoch: int, step: int) -> None:
    with pytest.raises(Killed):
        trained(tmp_path, options(), KillAt(epoch, step))
    model, history = trained(tmp_path, options())
    assert len(history) == EPOCHS
    # The optimiser went on too: each epoch's steps were counted once.
    assert int(model.optimizer.iterations) == EPOCHS * ROWS // 8
    assert history[-1]["val_loss"] < history[0]["val_loss"]


def test_seed_of_shuffling_goes_on_with_the_epoch(tmp_path: Path) -> None:
    data, training = Data(), options()
    arguments = {"task": TASK, "log_folder": str(tmp_path / "log")}
    with pytest.raises(Killed):
        fit(network(), data, training, str(tmp_path), callbacks=[KillAt(2, 0)], **arguments)
    fit(network(), data, training, str(tmp_path), **arguments)
    assert data.seeds == [training.seed, training.seed + 2]


def test_early_stopping_remembers_its_best_epoch(tmp_path: Path) -> None:
    """The best epoch lies before the kill: a fresh EarlyStopping would not know of it."""

    class Spoil(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch >= 2:
                self.model.layers[0].kernel.assign(-10 * np.ones((3, 1)))

    training = options(patience=2)
    with pytest.raises(Killed):
        trained(tmp_path, training, Spoil(), KillAt(4, 0))
    model, history = trained(tmp_path, training)
    assert len(history) <= EPOCHS
    losses = [metrics["val_loss"] for metrics in history]
    assert int(np.argmin(losses)) == 2
    (loss, _) = model.evaluate(Data().rows.batch(8), verbose=0)
    assert loss == pytest.approx(min(losses), rel=1e-4)


def test_complete_training_is_not_repeated(tmp_path: Path) -> None:
    model, history = trained(tmp_path, options())
    again, same = trained(tmp_path, options(), KillAt(0, 0))
    assert same == history
    for first, second in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_half_written_epoch_is_not_gone_on_from(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        trained(tmp_path, options(), KillAt(3, 0))
    (tmp_path / "partial-epoch-000004").mkdir()
    (tmp_path / "backup" / "latest.weights.h5").write_bytes(b"half")
    (tmp_path / "backup" / "training_metadata.json").write_bytes(b"")
    assert Checkpoints(str(tmp_path), network()).epochs == 3
    _, history = trained(tmp_path, options())
    assert len(history) == EPOCHS


def test_folder_depends_on_the_settings_and_outlives_an_execution() -> None:
    first = resume_folder("/nodes/Trainer/model_run/3", "settings", ["files"])
    assert first == resume_folder("/nodes/Trainer/model_run/8/", "settings", ["files"])
    assert first != resume_folder("/nodes/Trainer/model_run/3", "others", ["files"])
    assert first.startswith("/nodes/Trainer/.resume/")


def test_finished_work_says_so(tmp_path: Path) -> None:
    finish(str(tmp_path))
    assert (tmp_path / FINISHED).is_file()


def test_the_rate_falls_along_half_a_cosine_and_goes_on_where_it_was(tmp_path: Path) -> None:
    training = TrainingOptions(
        epochs=EPOCHS, learning_rate=0.08, schedule="cosine", early_stopping=None
    )
    rates: list[float] = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 0:
                rates.append(float(self.model.optimizer.learning_rate))

    folder = tmp_path / "cut"
    with pytest.raises(Killed):
        trained(folder, training, KillAt(3, 2), Watch())
    trained(folder, training, Watch())
    expected = 0.04 * (1 + np.cos(np.pi * np.arange(EPOCHS) / EPOCHS))
    np.testing.assert_allclose(rates, [*expected[:4], *expected[3:]], rtol=1e-5)
