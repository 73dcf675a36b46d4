"""Times the experiment's own network on some of its rows; see ``pipeline.calibrate``.

``python -m pipeline.network_timing`` reads a ``Task`` as JSON from standard input and writes a
``Calibration`` as the last line of standard output.  What the pipeline learns with TensorFlow
Transform over the whole train split is learnt here from the rows at hand, and vocabularies are
given the size that is expected of them.
"""

import json
import math
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras_tuner import HyperParameters

from components.embeddings.vectors import opened, read_head
from components.train.batches import bucketed, elements, inputs_and_label, row_lengths
from models.features.sequences import FIRST_TOKEN, raw_tensor
from models.features.vectors import features_with_vectors
from models.network import compile_network
from models.options import LABEL, FeatureOptions, graph_module
from models.own_network import Parts, build_any
from pipeline.calibrate import Calibration, Task
from pipeline.experiment import Experiment

TRAINING_SECONDS = 6.0
FIRST_STEPS = 3
"""Traced and warmed up in these; not counted."""
JUDGED_ROWS = 256
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
    learnt = _Learnt(task.vocabularies, experiment.features)
    parsed = _transformed(experiment, task.rows, learnt)
    rows = elements(tf.data.Dataset.from_tensors(parsed), inputs_and_label(LABEL))
    lengths = row_lengths(rows)
    parts = Parts(experiment.features, experiment.task, experiment.network, learnt)
    network = build_any(parts, HyperParameters())
    if not network.compiled:
        compile_network(network, experiment.task, training)
    batches = bucketed(rows, lengths, training.batch_size, training.length_buckets, training.seed)
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
    validate_row = (time.perf_counter() - started) / sum(len(label) for _, label in spread)
    judged = next(iter(rows.padded_batch(JUDGED_ROWS)))[0]
    network.predict_on_batch(judged)
    started = time.perf_counter()
    network.predict_on_batch(judged)
    judged_row = (time.perf_counter() - started) / min(JUDGED_ROWS, len(lengths))
    return Calibration(
        _mean_step(counted, taken, widths),
        validate_row,
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


def _width(batch: Any) -> int:
    inputs, _ = batch
    return max((tensor.shape[1] for tensor in inputs.values() if tensor.shape.rank > 1), default=1)


def _peak() -> float:
    """MiB that the process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def _transformed(experiment: Experiment, rows: Sequence[Any], learnt: "_Learnt") -> dict[str, Any]:
    outputs: dict[str, Any] = {}
    for name, options in experiment.features.items():
        raw = raw_tensor(options.raw, [values[name] for values, _ in rows])
        graph = graph_module("features", options.kind)
        outputs |= graph.preprocess(options, name, raw, learnt)
    task = experiment.task
    labels = raw_tensor(task.raw, [label for _, label in rows])
    return outputs | graph_module("tasks", task.kind).preprocess(task, labels, learnt)


class _Learnt:
    """Analyzers over the rows at hand, and what they learnt, vocabularies at the size expected."""

    def __init__(self, sizes: dict[str, int], features: Mapping[str, FeatureOptions]):
        self._sizes = dict(sizes)
        self._vectors = features_with_vectors(features)

    def vocabulary(self, tokens: Any, name: str, top_k: int | None) -> Any:
        """Looks tokens up in a vocabulary of their own, the most frequent first."""
        flat = tokens.flat_values if isinstance(tokens, tf.RaggedTensor) else tokens
        ranked = [token for token, _ in Counter(tf.reshape(flat, [-1]).numpy()).most_common(top_k)]
        self._sizes[name] = max(len(ranked), self._sizes.get(name, 0))
        table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(ranked, tf.string), tf.range(len(ranked), dtype=tf.int64)
            ),
            default_value=-1,
        )
        return tf.ragged.map_flat_values(table.lookup, tokens)

    def standardise(self, values: Any, name: str) -> Any:
        """Scales to mean 0 and deviation 1."""
        mean, variance = tf.nn.moments(values, 0)
        return (values - mean) / tf.sqrt(tf.maximum(variance, 1e-12))

    def vocabulary_size(self, name: str) -> int:
        """Entries that are expected of the vocabulary."""
        return self._sizes[name]

    def vectors(self, name: str) -> np.ndarray:
        """Zeros as wide as the file's vectors, which cost what those cost."""
        path = self._vectors[name].file
        with opened(path) as stream:
            size = read_head(stream, path).size
        return np.zeros((self._sizes[name] + FIRST_TOKEN, size), np.float32)


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
