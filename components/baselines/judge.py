"""A baseline's metrics, by the task's own statistics, so that they are the Evaluator's numbers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from models.asked import Asked
from models.options import TaskOptions, graph_module


def judged(
    task: TaskOptions,
    names: Sequence[str],
    targets: Mapping[str, Sequence[Any]],
    scores: Sequence[np.ndarray],
) -> dict[str, float]:
    """Metrics over the rows of a split.

    Args:
        task: the task's options.
        names: labels in the order of the scores.
        targets: what each row is judged by, by name; lists of labels where steps are answered.
        scores: probabilities of each row, ``[names]`` or ``[time, names]``.
    """
    graph = graph_module("tasks", task.kind)
    # Rows of one length go together: the statistics take no padding.
    alike: defaultdict[int, list[int]] = defaultdict(list)
    for row, answer in enumerate(scores):
        alike[len(answer) if task.steps_of else 0].append(row)
    sums = np.zeros(len(graph.statistics(task)))
    for steps, places in alike.items():
        together = tf.constant(np.stack([scores[place] for place in places]), tf.float32)
        inputs = {}
        if task.steps_of:
            inputs[f"{task.steps_of}_length"] = tf.fill([len(places)], steps)
        outputs = graph.judged_outputs(task, together, names, Asked(inputs, {}))
        truth = {
            name: np.array([values[place] for place in places], object)
            for name, values in targets.items()
        }
        given = {name: output.numpy() for name, output in outputs.items()}
        sums += graph.example_statistics(task, truth, given).sum(axis=0)
    return {name: float(value) for name, value in graph.summarise(task, sums).items()}


def in_order(labels: Sequence[str], scores: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Scores by other labels' order.

    Args:
        labels: in the order of ``scores``.
        scores: ``[rows, labels]``.
        names: the order wanted; a name that is not among ``labels`` scores 0.

    Returns:
        ``[rows, names]``.
    """
    places = {label: place for place, label in enumerate(labels)}
    wide = np.concatenate([scores, np.zeros((len(scores), 1))], axis=1)
    return wide[:, [places.get(name, len(labels)) for name in names]]
