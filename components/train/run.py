"""The Trainer's ``run_fn``: builds, trains and exports the experiment's network."""

import os

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx_bsl.public.tfxio import TensorFlowDatasetOptions

from components.errors import UserError
from components.progress import EpochEnd, StepEnd, report
from components.spec import TRAIN_KEY, TrainConfig
from components.train.batches import (
    PARSE_ROWS,
    bucketed,
    elements,
    inputs_and_label,
    row_lengths,
)
from components.transform import TftLearnt
from models import export
from models.network import build, compile_network
from models.options import graph_module

KERAS_MODEL = "model.keras"
REPORT_STEPS = 10


def run_fn(fn_args: FnArgs) -> None:
    """Trains on the train split, stops by the validate split, exports.

    Beside the SavedModel (``fn_args.serving_model_dir``) the Keras model is kept as
    ``model.keras`` in ``fn_args.model_run_dir``.

    Raises:
        UserError: the loss is not a finite number.
    """
    config = TrainConfig.model_validate_json(fn_args.custom_config[TRAIN_KEY])
    training = config.training
    keras.utils.set_random_seed(training.seed)
    transform_output = tft.TFTransformOutput(fn_args.transform_graph_path)
    learnt = TftLearnt(transform_output)
    task = graph_module("tasks", config.task.kind)

    def rows_of(patterns) -> tf.data.Dataset:
        parsed = fn_args.data_accessor.tf_dataset_factory(
            patterns,
            TensorFlowDatasetOptions(batch_size=PARSE_ROWS, num_epochs=1, shuffle=False),
            transform_output.transformed_metadata.schema,
        )
        return elements(parsed, inputs_and_label(task.LABEL))

    train, validate = rows_of(fn_args.train_files), rows_of(fn_args.eval_files)
    lengths = row_lengths(train)
    labels = np.fromiter((label for _, label in train.as_numpy_iterator()), np.int64)
    network = build(config.features, config.task, config.network, learnt)
    compile_network(network, config.task, training)
    network.fit(
        bucketed(train, lengths, training.batch_size, training.length_buckets, training.seed),
        validation_data=bucketed(
            validate, row_lengths(validate), training.batch_size, training.length_buckets, None
        ),
        epochs=training.epochs,
        callbacks=_callbacks(config, fn_args.model_run_dir),
        verbose=0,
    )
    keras_path = os.path.join(fn_args.model_run_dir, KERAS_MODEL)
    tf.io.gfile.makedirs(fn_args.model_run_dir)
    network.save(keras_path)
    export.write(
        fn_args.serving_model_dir,
        network,
        config.features,
        config.task,
        learnt.vocabulary(task.LABEL),
        task.baseline(config.task, labels, learnt),
        transform_output.transform_features_layer(),
        {"name": config.name},
    )


def _callbacks(config: TrainConfig, run_dir: str) -> list[keras.callbacks.Callback]:
    stopping = config.training.early_stopping
    callbacks: list[keras.callbacks.Callback] = [
        StopAtNaN(),
        ProgressCallback(config.training.epochs),
        keras.callbacks.TensorBoard(os.path.join(run_dir, "tensorboard"), write_graph=False),
    ]
    if stopping is not None:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                monitor=f"val_{stopping.monitor}",
                mode="min" if stopping.monitor == "loss" else "max",
                patience=stopping.patience,
                restore_best_weights=True,
            )
        )
    return callbacks


class ProgressCallback(keras.callbacks.Callback):
    """Reports steps and epochs."""

    def __init__(self, epochs: int):
        super().__init__()
        self._epochs = epochs
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        if batch % REPORT_STEPS == 0 and logs:
            report(StepEnd(self._epoch, self._epochs, batch + 1, float(logs["loss"])))

    def on_epoch_end(self, epoch, logs=None):
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        report(EpochEnd(epoch + 1, self._epochs, metrics))


class StopAtNaN(keras.callbacks.Callback):
    """Ends training at once when the loss is no finite number."""

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        if logs and not np.isfinite(float(logs["loss"])):
            raise UserError(
                f"training: the loss became {float(logs['loss'])} in epoch {self._epoch}, step "
                f"{batch + 1} (lower training.learning_rate or training.clip_norm)"
            )
