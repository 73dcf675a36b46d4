"""The network that a run trained, as Keras reads it back."""

import importlib
import json
import os

import keras
import tensorflow as tf

from components.train.run import KERAS_MODEL, VALUES
from models.dotted import cell_module
from models.options import graph_module
from pipeline.experiment import Experiment


def trained_network(experiment: Experiment, folder: str) -> keras.Model:
    """The trained network; the modules that define its layers are imported before.

    Args:
        experiment: as it was run.
        folder: the run's ``model_run``.
    """
    with tf.io.gfile.GFile(os.path.join(folder, VALUES)) as file:
        used = json.loads(file.read())["network"]
    for options in experiment.features.values():
        graph_module("features", options.kind)
    graph_module("tasks", experiment.task.kind)
    importlib.import_module(cell_module(used["cell"]))
    if used["build_model"] is not None:
        importlib.import_module(used["build_model"].rpartition(".")[0])
    return keras.models.load_model(os.path.join(folder, KERAS_MODEL), compile=False)
