"""A number that is not finite stops training, is traced to its place, and spoils no weight."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.errors import UserError
from components.train.checkpoint import Checkpoints
from components.train.finite import LAST_GOOD
from components.train.fit import fit
from models.finite import find
from models.spec import TrainingOptions
from models.tasks.classify import Options as Classify

TASK = Classify(kind="classify", label="label")
ROWS, BATCH = 64, 8
STEPS = ROWS // BATCH


class Data:
    """Two features in an order that is always the same; ``spoil`` puts a value in a row of one."""

    def __init__(self, spoil: dict[str, tuple[int, float]] | None = None):
        generator = np.random.default_rng(0)
        self.inputs = {
            name: generator.normal(size=(ROWS, 3)).astype(np.float32) for name in ("wave", "price")
        }
        self.labels = (self.inputs["wave"][:, 0] > 0).astype(np.float32)[:, None]
        for name, (row, value) in (spoil or {}).items():
            self.inputs[name][row, 1] = value

    def batches(self, training: TrainingOptions, seed: int):
        rows = tf.data.Dataset.from_tensor_slices((self.inputs, self.labels)).batch(BATCH)
        return rows, rows


@keras.saving.register_keras_serializable(package="test")
class Root(keras.layers.Layer):
    """The square root, whose gradient at zero is infinite though the value is not."""

    def call(self, values):
        return keras.ops.sqrt(keras.ops.relu(values))


def network(root: bool = False, **compiled) -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = {name: keras.Input((3,), name=name) for name in ("wave", "price")}
    hidden = keras.layers.Dense(4, activation="tanh", name="below")(inputs["wave"])
    if root:
        hidden = Root(name="root")(hidden)
    beside = keras.layers.Dense(4, name="beside")(inputs["price"])
    both = keras.layers.Concatenate(name="both")([hidden, beside])
    scores = keras.layers.Dense(1, activation="sigmoid", name="head")(both)
    model = keras.Model(inputs, scores)
    # Compiling with XLA takes seconds, and one test does.
    compiled = {"jit_compile": False} | compiled
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", **compiled)
    return model


def stopped(folder: Path, model: keras.Model, data: Data, **options) -> str:
    training = TrainingOptions(epochs=3, early_stopping=None, **options)
    log = str(folder / "log")
    with pytest.raises(UserError) as caught:
        fit(model, data, training, str(folder), task=TASK, log_folder=log)
    return str(caught.value)


def test_nan_in_a_feature_names_feature_and_step(tmp_path: Path) -> None:
    model = network()
    message = stopped(tmp_path, model, Data({"price": (19, np.nan)}))
    assert "epoch 1, step 3" in message
    assert "feature 'price' holds 1 NaN of 24 numbers in 1 of the batch's 8 rows" in message
    assert "replace them or remove their rows" in message
    assert str(tmp_path / LAST_GOOD) in message


def test_the_weights_are_those_from_before_the_step(tmp_path: Path) -> None:
    """Equal, the optimiser's steps too, to those of a training that ended before the bad step."""
    model = network()
    stopped(tmp_path, model, Data({"price": (19, np.nan)}))
    good = network()
    data = Data()
    for step in range(2):
        part = slice(step * BATCH, (step + 1) * BATCH)
        batch = {name: values[part] for name, values in data.inputs.items()}
        good.train_on_batch(batch, data.labels[part])
    kept = keras.saving.load_model(tmp_path / LAST_GOOD)
    assert int(model.optimizer.iterations) == 2
    for other in (model, kept):
        for weight, wanted in zip(other.get_weights(), good.get_weights(), strict=True):
            np.testing.assert_allclose(weight, wanted, rtol=1e-5, atol=1e-6)


def test_the_last_whole_epoch_is_kept_too(tmp_path: Path) -> None:
    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.get_layer("beside").kernel.assign(np.full((3, 4), np.nan))

    training = TrainingOptions(epochs=3, early_stopping=None)
    log = str(tmp_path / "log")
    model = network()
    with pytest.raises(UserError, match=r"epoch 2, step 1: first in a weight of layer 'beside'"):
        fit(model, Data(), training, str(tmp_path), task=TASK, log_folder=log, callbacks=[Spoil()])
    assert Checkpoints(str(tmp_path), network()).epochs == 1
    history = fit(network(), Data(), training, str(tmp_path), task=TASK, log_folder=log)
    assert len(history) == 3 and np.isfinite(history[-1]["loss"])


def test_overflow_names_the_layer_and_the_learning_rate(tmp_path: Path) -> None:
    model = network()
    model.get_layer("beside").kernel.assign(np.full((3, 4), 1e30))
    message = stopped(tmp_path, model, Data({"price": (1, 1e30)}), clip_norm=None)
    assert "epoch 1, step 1" in message
    assert "first in layer 'beside', output [8, 4]: 4 infinite of 32 numbers" in message
    assert "training.learning_rate, now 0.001, or set training.clip_norm, now null" in message


def test_gradient_that_is_not_finite_beside_a_finite_loss(tmp_path: Path) -> None:
    model = network(root=True)
    model.get_layer("below").kernel.assign(np.zeros((3, 4)))
    before = model.get_weights()
    message = stopped(tmp_path, model, Data())
    assert "epoch 1, step 1" in message
    assert "first, from the loss down, in the gradient of layer 'below'" in message
    for weight, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, wanted)


def test_several_steps_at_once_stop_at_the_right_one(tmp_path: Path) -> None:
    model = network(steps_per_execution=4)
    message = stopped(tmp_path, model, Data({"price": (42, np.inf)}))
    assert "epoch 1, step 6" in message and "several steps were taken at once" in message
    assert int(model.optimizer.iterations) < STEPS
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.slow
def test_finite_training_is_left_as_it_was(tmp_path: Path) -> None:
    guarded, plain = network(jit_compile=True), network()
    training = TrainingOptions(epochs=2, early_stopping=None)
    fit(guarded, Data(), training, str(tmp_path), task=TASK, log_folder=str(tmp_path / "log"))
    plain.fit(Data().batches(training, 0)[0], epochs=2, verbose=0)
    for weight, wanted in zip(guarded.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=1e-5, atol=1e-6)
    assert "apply" not in vars(guarded.optimizer)
    assert not (tmp_path / LAST_GOOD).exists()


def test_nothing_is_found_where_all_is_finite() -> None:
    data = Data()
    assert find(network(), data.inputs, data.labels) is None


def test_a_label_that_is_not_finite_is_found_in_the_loss() -> None:
    data = Data()
    data.labels[5] = np.nan
    culprit = find(network(), data.inputs, data.labels)
    assert culprit is not None and culprit.kind == "loss" and "nan" in culprit.detail
