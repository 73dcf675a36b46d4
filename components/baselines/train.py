"""A network without memory, trained by the experiment's own training loop."""

import os
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

from components.baselines.rows import Rows
from components.progress import Event
from components.train.batches import bucketed
from components.train.fit import fit
from models.network import compile_network
from models.own_network import Parts
from models.spec import NetworkOptions, TrainingOptions

SCORED_ROWS = 256


class Answers(NamedTuple):
    """A network's answers to the test split.

    Attributes:
        scores: probabilities of each row, ``[labels]`` or ``[time, labels]``.
        parameters: of the network.
    """

    scores: list[np.ndarray]
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
    return Answers(_scores(rows, model), model.count_params())


def _scores(rows: Rows, model: keras.Model) -> list[np.ndarray]:
    test = rows.transformed(rows.test)
    scores: list[np.ndarray] = []
    for inputs, _ in bucketed(test, np.zeros(1, int), SCORED_ROWS, 1, None):
        answers = model(inputs, training=False).numpy()
        if rows.task.steps_of is None:
            scores += list(answers)
        else:
            lengths = inputs[f"{rows.task.steps_of}_length"].numpy()
            scores += [row[:steps] for row, steps in zip(answers, lengths, strict=True)]
    return scores
