"""A network without memory, trained by the experiment's own training loop."""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from components.baselines.rows import Rows
from components.progress import Event
from components.train.batches import bucketed
from components.train.fit import fit
from models.answers import answers
from models.network import compile_network
from models.options import LABEL, graph_module
from models.own_network import Parts
from models.spec import NetworkOptions, TrainingOptions

SCORED_ROWS = 256


class Answers(NamedTuple):
    """A network's answers to the test split.

    Attributes:
        scores: probabilities of each row, ``[labels]`` or ``[time, labels]``, calibrated as the
            experiment's network is; a dict of them by the names of the labels where the network
            gives several.
        parameters: of the network.
    """

    scores: list[Any]
    parameters: int


def trained(
    rows: Rows,
    network: NetworkOptions,
    training: TrainingOptions,
    folder: str,
    tell: Callable[[Event], None],
) -> Answers:
    """Trains on the train split, stops by the validate split, answers the test split.

    Args:
        rows: the experiment's.
        network: the baseline's.
        training: the experiment's.
        folder: of checkpoints; a training that was killed goes on there.
        tell: hears of each epoch, and of some steps.

    Raises:
        UserError: the loss is not a finite number.
    """
    model = fitted(rows, network, training, folder, tell)
    return Answers(_scores(rows, model, calibrated(rows, model, training)), model.count_params())


def fitted(
    rows: Rows,
    network: NetworkOptions,
    training: TrainingOptions,
    folder: str,
    tell: Callable[[Event], None],
) -> keras.Model:
    """The network that ``trained`` asks, with the same arguments."""
    keras.utils.set_random_seed(training.seed)
    model = Parts(rows.features, rows.task, network, rows.learnt).standard()
    compile_network(model, rows.task, training, rows.learnt, rows.training_data.labels)
    log_folder = os.path.join(folder, "tensorboard")
    fit(
        model,
        rows.training_data,
        training,
        folder,
        task=rows.task,
        log_folder=log_folder,
        tell=tell,
    )
    return model


def calibrated(rows: Rows, model: keras.Model, training: TrainingOptions) -> Callable[[Any], Any]:
    """What the Trainer would have the network's scores go through."""
    graph = graph_module("tasks", rows.task.kind)
    if not hasattr(graph, "calibration"):
        return lambda scores: scores
    _, validation = rows.training_data.batches(training, training.seed)
    calibration = graph.calibration(rows.task, model, validation)
    return lambda scores: graph.calibrated(rows.task, scores, calibration)


def _scores(rows: Rows, model: keras.Model, calibrated: Callable[[Any], Any]) -> list[Any]:
    test = rows.transformed(rows.test)
    scores: list[Any] = []
    for inputs, _ in bucketed(test, np.zeros(1, int), SCORED_ROWS, 1, None):
        found = calibrated(answers(rows.task, model, inputs))
        found = tf.nest.map_structure(lambda part: part.numpy(), found)
        steps = rows.task.steps_of
        lengths = None if steps is None else inputs[f"{steps}_length"].numpy()
        by_label = found if isinstance(found, dict) else {LABEL: found}
        for row in range(len(by_label[LABEL])):
            own = {name: part[row] for name, part in by_label.items()}
            if lengths is not None:
                own[LABEL] = own[LABEL][: lengths[row]]
            scores.append(own if isinstance(found, dict) else own[LABEL])
    return scores
