"""A baseline's metrics, by the task's own statistics, so that they are the Evaluator's numbers."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from models.asked import Asked
from models.options import TaskOptions, graph_module


def judged(
    task: TaskOptions,
    names: Sequence[str],
    targets: Mapping[str, Sequence[Any]],
    scores: Sequence[Any],
) -> dict[str, float]:
    """Metrics over the rows of a split.

    Args:
        task: the task's options.
        names: labels in the order of the scores.
        targets: what each row is judged by, by name; lists of labels where steps are answered.
        scores: probabilities of each row, ``[names]`` or ``[time, names]``; a dict of them by the
            names of the labels where the network gives several.
    """

    def stacked(places: list[int], asked: Asked) -> Any:
        return tf.nest.map_structure(
            lambda *answers: tf.constant(np.stack(answers), tf.float32),
            *(scores[place] for place in places),
        )

    return _judged(task, names, targets, stacked)


def judged_trivial(
    task: TaskOptions,
    names: Sequence[str],
    targets: Mapping[str, Sequence[Any]],
    baseline: Mapping[str, np.ndarray],
) -> dict[str, float]:
    """Metrics of the task's own trivial baseline over the rows of a split.

    Args:
        task: the task's options.
        names: see ``judged``.
        targets: see ``judged``.
        baseline: as the task's ``baseline`` gave it.
    """
    graph = graph_module("tasks", task.kind)

    def answered(places: list[int], asked: Asked) -> Any:
        return graph.baseline_scores(task, baseline, asked)

    return _judged(task, names, targets, answered)


def _judged(
    task: TaskOptions,
    names: Sequence[str],
    targets: Mapping[str, Sequence[Any]],
    scores_of: Callable[[list[int], Asked], Any],
) -> dict[str, float]:
    graph = graph_module("tasks", task.kind)
    # Rows of one length go together: the statistics take no padding.
    alike: defaultdict[int, list[int]] = defaultdict(list)
    for row, target in enumerate(targets[task.label]):
        alike[len(target) if task.steps_of else 0].append(row)
    sums = np.zeros(len(graph.statistics(task)))
    for steps, places in alike.items():
        inputs = {name: tf.zeros([len(places), steps]) for name in task.aligned or ("",)}
        for name in task.aligned:
            inputs[f"{name}_length"] = tf.fill([len(places)], steps)
        asked = Asked(inputs, {})
        outputs = graph.judged_outputs(task, scores_of(places, asked), names, asked)
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
