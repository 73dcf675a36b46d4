"""What the scores of a trained network go through before they are answered."""

import keras
import numpy as np

from components.train.data import TrainingData
from models.options import TaskOptions, graph_module
from models.spec import TrainingOptions


def calibration_of(
    task: TaskOptions, network: keras.Model, data: TrainingData, training: TrainingOptions
) -> dict[str, np.ndarray]:
    """What the task's ``calibrated`` reads, arrays by name; none if it has nothing of the kind.

    Args:
        task: the task's options.
        network: trained.
        data: what it was trained on.
        training: how.
    """
    graph = graph_module("tasks", task.kind)
    found: dict[str, np.ndarray] = {}
    if hasattr(graph, "prior"):
        found |= graph.prior(task, data.labels, data.learnt)
    if hasattr(graph, "calibration"):
        _, validation = data.batches(training, training.seed)
        found |= graph.calibration(task, network, validation)
    return found
