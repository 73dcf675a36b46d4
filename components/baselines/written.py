"""Judges what answers raw rows in a way of its own: decoders, which write from inputs alone."""

from collections.abc import Callable
from typing import Any

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


def judged_answers(rows: Rows, answer: Callable[[Asked], Any]) -> dict[str, float]:
    """Metrics over the test split.

    Args:
        rows: the experiment's.
        answer: scores of a batch, as the task's ``judged_outputs`` read them.
    """
    task, test = rows.task, rows.test
    graph = graph_module("tasks", task.kind)
    sums = np.zeros(len(graph.statistics(task)))
    for start in range(0, len(test.examples), ASKED_ROWS):
        place = slice(start, start + ASKED_ROWS)
        serialised = [example.SerializeToString() for example in test.examples[place]]
        raw = parsed(tf.constant(serialised), rows.features)
        asked = Asked(network_inputs(rows.transform(raw)), raw)
        outputs = graph.judged_outputs(task, answer(asked), rows.label_names, asked)
        targets = {name: _array(values[place]) for name, values in test.targets.items()}
        given = {name: np.asarray(output) for name, output in outputs.items()}
        sums += graph.example_statistics(task, targets, given).sum(axis=0)
    return {name: float(value) for name, value in graph.summarise(task, sums).items()}


def judged_network(
    rows: Rows,
    network: NetworkOptions,
    training: TrainingOptions,
    folder: str,
    tell: Callable[[Event], None],
) -> tuple[dict[str, float], keras.Model]:
    """Metrics over the test split of a network that is trained first, and the network.

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
    final = calibrated(rows, model, training)
    # Decoders loop, which takes long where each operation is run by itself.
    answered = tf.function(lambda inputs: answers(rows.task, model, inputs), reduce_retracing=True)
    return judged_answers(rows, lambda asked: final(answered(dict(asked.inputs)))), model


def _array(values: list[Any]) -> np.ndarray:
    """One of ``targets`` of some rows, ``[rows]`` of objects where they differ in length."""
    array = np.empty(len(values), object)
    array[:] = values
    return array
