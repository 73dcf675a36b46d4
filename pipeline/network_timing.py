"""Times the experiment's own network on some of its rows; see ``pipeline.calibrate``.

``python -m pipeline.network_timing`` reads a ``Task`` as JSON from standard input and writes a
``Calibration`` as the last line of standard output.
"""

import json
import math
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras_tuner import HyperParameters

from components.train.batches import elements, inputs_and_label, row_lengths
from components.train.data import batches_of
from models.answers import answers
from models.network import compile_network
from models.options import LABEL
from models.own_network import Parts, build_any
from pipeline.calibrate import Calibration, Task
from pipeline.experiment import Experiment
from pipeline.sample_transform import SampleLearnt, transformed

TRAINING_SECONDS = 6.0
FIRST_STEPS = 3
"""Traced and warmed up in these; not counted."""
JUDGED_ROWS, JUDGED_STEPS = 256, 50_000
"""So many at most."""
VALIDATED_BATCHES = 10
MIB = 2**20


def main() -> None:
    """The process."""
    task = Task(**json.load(sys.stdin))
    sys.path += [folder for folder in task.folders if folder not in sys.path]
    print(json.dumps(asdict(measured(task))))


def measured(task: Task) -> Calibration:
    """Builds the network, trains and evaluates it on the task's rows, and times that."""
    experiment = Experiment.model_validate(task.experiment)
    training = experiment.training
    before = _peak()
    sampled = SampleLearnt(task.vocabularies, experiment.features)
    for values, _ in task.rows:
        for name, options in experiment.features.items():
            if options.raw.dtype == "bytes":
                values[name] = options.raw.read(name, values[name])
    parsed = transformed(experiment, task.rows, sampled)
    learnt = sampled.learnt
    rows = elements(tf.data.Dataset.from_tensors(parsed), inputs_and_label(LABEL))
    lengths = row_lengths(rows)
    parts = Parts(experiment.features, experiment.task, experiment.network, learnt)
    network = build_any(parts, HyperParameters())
    if not network.compiled:
        compile_network(network, experiment.task, training, learnt)
    batches = batches_of(experiment.task, rows, lengths, training, training.seed)
    held = list(batches)
    widths = np.array([_width(batch) for batch in held], float)
    clock = _Clock()
    order = np.random.default_rng(0).permutation(len(held))

    def endless() -> Iterator[Any]:
        while True:
            for place in order:
                yield held[place]

    network.fit(
        tf.data.Dataset.from_generator(endless, output_signature=batches.element_spec).prefetch(2),
        steps_per_epoch=10_000,
        callbacks=[clock],
        verbose=0,
    )
    counted = np.array(clock.seconds[FIRST_STEPS:])
    taken = widths[order[np.arange(FIRST_STEPS, len(clock.seconds)) % len(held)]]
    # Of each length some.
    spread = sorted(held, key=_width)[:: max(len(held) // VALIDATED_BATCHES, 1)]
    validated = tf.data.Dataset.from_generator(
        lambda: iter(spread), output_signature=batches.element_spec
    )
    network.evaluate(validated, verbose=0)
    started = time.perf_counter()
    network.evaluate(validated, verbose=0)
    validate_row = (time.perf_counter() - started) / sum(map(_rows, spread))
    # Where batches are the task's own, a row may be many rows of theirs.
    share = sum(map(_rows, held)) / len(lengths)
    most = min(JUDGED_ROWS, max(JUDGED_STEPS // max(int(lengths.max()), 1), 1))
    judged = next(iter(rows.padded_batch(most)))[0]
    answered = tf.function(lambda inputs: answers(experiment.task, network, inputs))
    answered(judged)
    started = time.perf_counter()
    answered(judged)
    judged_row = (time.perf_counter() - started) / min(most, len(lengths))
    return Calibration(
        _mean_step(counted, taken, widths) * share,
        validate_row * share,
        judged_row,
        network.count_params(),
        _peak() - before,
    )


def _mean_step(seconds: np.ndarray, taken: np.ndarray, widths: np.ndarray) -> float:
    """Mean seconds over batches of all ``widths``, from steps of those ``taken``."""
    if len(set(taken)) < 3:
        return float(np.mean(seconds))
    slope, base = np.polyfit(taken, seconds, 1)
    return float(max(base + slope * np.mean(widths), np.min(seconds)))


def _rows(batch: Any) -> int:
    inputs, _ = batch
    return len(next(iter(inputs.values())))


def _width(batch: Any) -> int:
    inputs, _ = batch
    return max((tensor.shape[1] for tensor in inputs.values() if tensor.shape.rank > 1), default=1)


def _peak() -> float:
    """MiB that the process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


class _Clock(keras.callbacks.Callback):
    """Notes each step's seconds and ends training in time."""

    def __init__(self):
        super().__init__()
        self.seconds: list[float] = []
        self._ends = math.inf
        self._last = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        # Asked for, as the Trainer's callbacks do, so that the step has come to its end.
        float(logs["loss"])
        now = time.perf_counter()
        self.seconds.append(now - self._last)
        self._last = now
        if len(self.seconds) == FIRST_STEPS:
            self._ends = now + TRAINING_SECONDS
        if now > self._ends:
            self.model.stop_training = True


if __name__ == "__main__":
    main()
