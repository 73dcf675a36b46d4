"""Judges what answers raw rows in a way of its own: decoders, which write from inputs alone."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from components.baselines.rows import Rows
from components.baselines.train import calibrated, fitted
from components.progress import Event
from models.answers import answers
from models.asked import Asked
from models.export import network_inputs, parsed
from models.options import graph_module
from models.spec import NetworkOptions, TrainingOptions

ASKED_ROWS = 64


class Judged(NamedTuple):
    """What came of judging the test split.

    Attributes:
        metrics: the task's.
        table: a row of figures by name, where the task has a table.
    """

    metrics: dict[str, float]
    table: dict[str, dict[str, float]] | None


def judged_answers(rows: Rows, answer: Callable[[Asked], Any]) -> dict[str, float]:
    """Metrics over the test split; see ``judged_and_tabled``."""
    return judged_and_tabled(rows, answer).metrics


def judged_and_tabled(rows: Rows, answer: Callable[[Asked], Any]) -> Judged:
    """Metrics over the test split, and the task's table.

    Args:
        rows: the experiment's.
        answer: scores of a batch, as the task's ``judged_outputs`` read them.
    """
    graph = graph_module("tasks", rows.task.kind)

    def outputs(place: slice, asked: Asked) -> Mapping[str, Any]:
        return graph.judged_outputs(rows.task, answer(asked), rows.label_names, asked)

    return judged_outputs_of(rows, outputs)


def judged_outputs_of(rows: Rows, outputs: Callable[[slice, Asked], Mapping[str, Any]]) -> Judged:
    """As ``judged_and_tabled``, of what ``example_statistics`` reads itself.

    Args:
        rows: the experiment's.
        outputs: judged outputs of the rows in a place of the test split.
    """
    task, test = rows.task, rows.test
    graph = graph_module("tasks", task.kind)
    sums = np.zeros(len(graph.statistics(task)))
    counts: dict[str, np.ndarray] = {}
    tabled = hasattr(graph, "example_table")
    for start in range(0, len(test.examples), ASKED_ROWS):
        place = slice(start, start + ASKED_ROWS)
        serialised = [example.SerializeToString() for example in test.examples[place]]
        raw = parsed(tf.constant(serialised), rows.features)
        asked = Asked(network_inputs(rows.transform(raw)), raw)
        targets = {name: _array(values[place]) for name, values in test.targets.items()}
        given = {name: np.asarray(output) for name, output in outputs(place, asked).items()}
        sums += graph.example_statistics(task, targets, given).sum(axis=0)
        of_names = graph.example_table(task, targets, given) if tabled else {}
        for name, part in of_names.items():
            counts[name] = counts[name] + part if name in counts else part
    metrics = {name: float(value) for name, value in graph.summarise(task, sums).items()}
    table = {name: graph.table_row(task, part) for name, part in sorted(counts.items())}
    return Judged(metrics, table if tabled else None)


def judged_network(
    rows: Rows,
    network: NetworkOptions,
    training: TrainingOptions,
    folder: str,
    tell: Callable[[Event], None],
) -> tuple[Judged, keras.Model]:
    """What comes of a network that is trained first, on the test split, and the network.

    Args:
        rows: the experiment's; with another task, that one's network is trained.
        network: what it is built with.
        training: the experiment's.
        folder: of checkpoints; a training that was killed goes on there.
        tell: hears of each epoch, and of some steps.

    Raises:
        UserError: the loss is not a finite number.
    """
    model = fitted(rows, network, training, folder, tell)
    return judged_and_tabled(rows, _answered_by(rows, model, training)), model


def _answered_by(
    rows: Rows, model: keras.Model, training: TrainingOptions
) -> Callable[[Asked], Any]:
    """What a trained network answers to a batch, as ``judged_and_tabled`` asks it."""
    final = calibrated(rows, model, training)
    # Decoders loop, which takes long where each operation is run by itself.
    answered = tf.function(lambda inputs: answers(rows.task, model, inputs), reduce_retracing=True)
    return lambda asked: final(answered(dict(asked.inputs)))


def _array(values: list[Any]) -> np.ndarray:
    """One of ``targets`` of some rows, ``[rows]`` of objects where they differ in length."""
    array = np.empty(len(values), object)
    array[:] = values
    return array
