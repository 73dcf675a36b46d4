"""Baselines of trackers: the most frequent goal, and the values that were named last."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from components.baselines.rows import Rows
from models.asked import Asked
from models.baselines.keywords import Keywords
from models.raw import length_name
from models.tasks.track import flag_target, goal_target, graph
from models.tasks.track.network import values_of


def most_frequent(rows: Rows) -> dict[str, float]:
    """Metrics of always answering the most frequent value of each slot."""
    return _judged(rows, [_frequencies(rows)] * len(rows.test.examples))


def keywords(rows: Rows) -> dict[str, float]:
    """Metrics of the values that the likeliest phrases named last; flags by their frequency."""
    task = rows.task
    heard = [[turn[0] if turn else "" for turn in row] for row in rows.test.columns[task.heard]]
    plain = _frequencies(rows)
    answers = [np.tile(plain, (len(turns), 1)) for turns in heard]
    begin = 0
    for slot, options in task.slots.items():
        values = values_of(task, slot, rows.learnt)
        ways = {value: (value, *options.values.get(value, ())) for value in values}
        del ways[task.none]
        tracker = Keywords(ways, task.none)
        for answer, turns in zip(answers, heard, strict=True):
            answer[:, begin : begin + len(values)] = 0.0
            places = [begin + values.index(goal) for goal in tracker.goals(turns)]
            answer[np.arange(len(turns)), places] = 1.0
        begin += len(values)
    return _judged(rows, answers)


def _frequencies(rows: Rows) -> np.ndarray:
    """The trivial baseline's scores of a turn, ``[scores]``."""
    places = []
    for slot in rows.task.slots:
        known = {
            value: place for place, value in enumerate(values_of(rows.task, slot, rows.learnt))
        }
        goals = rows.train.targets[goal_target(slot)]
        places.append([known[value] for goal in goals for value in goal])
    flags = [
        np.concatenate(rows.train.targets[flag_target(name)]) > 0.5 for name in rows.task.flags
    ]
    labels = np.stack([*places, *flags], axis=-1).astype(np.int64)
    (shares,) = graph.baseline(rows.task, [labels], rows.learnt).values()
    return shares


def _judged(rows: Rows, scores: Sequence[np.ndarray]) -> dict[str, float]:
    """Metrics over the test split.

    Args:
        rows: the experiment's.
        scores: of each row, ``[turns, scores]``, or ``[scores]`` for all turns.
    """
    task, test = rows.task, rows.test
    # Rows of one length go together: the statistics take no padding.
    alike: defaultdict[int, list[int]] = defaultdict(list)
    for place, turns in enumerate(test.columns[task.heard]):
        alike[len(turns)].append(place)
    sums = np.zeros(len(graph.statistics(task)))
    for turns, places in alike.items():
        size = np.shape(scores[0])[-1]
        together = [np.broadcast_to(scores[place], (turns, size)) for place in places]
        inputs = {length_name(task.heard, 1): tf.fill([len(places)], turns)}
        if task.scores is not None:
            best = [[max(turn, default=0.0) for turn in test.columns[task.scores][place]]
                    for place in places]  # fmt: skip
            inputs[task.scores] = tf.constant(best, tf.float32)[..., None]
        outputs = graph.judged_outputs(
            task, tf.constant(np.stack(together), tf.float32), rows.label_names, Asked(inputs, {})
        )
        targets = {
            name: np.array([values[place] for place in places], object)
            for name, values in test.targets.items()
        }
        given = {name: output.numpy() for name, output in outputs.items()}
        sums += graph.example_statistics(task, targets, given).sum(axis=0)
    return {name: float(value) for name, value in graph.summarise(task, sums).items()}
