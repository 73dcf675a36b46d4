"""Time of each cell's layer against Keras's stock LSTM: ``python benchmarks/layers.py``.

A training step (forward, loss of the last output, gradients of all weights) and an inference, in a
TensorFlow graph, at batch 64, 200 timesteps, 128 features and 128 units.  The cells take turns, so
that whatever else the machine does slows all of them alike; medians are compared.

Then the LSTM of one core op (``BlockLSTMV2``, inference only) against the stock one by batch size:
whether an export should use it.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

STOCK = "stock lstm"
CELLS = ("elman", "jordan", "lstm", "gru", "indrnn", "slstm", "mlstm")
BATCHES = (1, 8, 32, 64)


def training_step(layer: Any, values: Any) -> Callable[[], Any]:
    """A compiled training step, without the optimiser's part."""
    import tensorflow as tf

    layer(values)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(values, training=True)[:, -1]))
        return tape.gradient(loss, layer.trainable_variables)

    return step


def inference(layer: Any, values: Any) -> Callable[[], Any]:
    """A compiled forward pass."""
    import tensorflow as tf

    layer(values)
    return tf.function(lambda: layer(values, training=False))


def fused(layer: Any, values: Any) -> Callable[[], Any]:
    """A Keras LSTM's forward pass by one core op, whose gates have the order i, f, c, o."""
    import tensorflow as tf

    kernel, recurrent, bias = (tf.constant(weight.numpy()) for weight in layer.weights)
    nothing = tf.zeros([values.shape[0], layer.units])
    peephole = tf.zeros([layer.units])

    @tf.function
    def forward():
        steps = tf.transpose(values, [1, 0, 2])
        found = tf.raw_ops.BlockLSTMV2(
            seq_len_max=tf.cast(tf.shape(steps)[0], tf.int64),
            x=steps,
            cs_prev=nothing,
            h_prev=nothing,
            w=tf.concat([kernel, recurrent], axis=0),
            wci=peephole,
            wcf=peephole,
            wco=peephole,
            b=bias,
            cell_clip=0.0,
            use_peephole=False,
        )
        return tf.transpose(found.h, [1, 0, 2])

    return forward


def medians(steps: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each, interleaved."""
    for step in steps.values():
        step()
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            taken[name].append(1e3 * (time.perf_counter() - started))
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> None:
    """Measures and prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--timesteps", type=int, default=200)
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--output", type=Path, help="JSON of the figures")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

    import importlib

    import keras
    import numpy as np
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    units, random = options.units, np.random.default_rng(0)

    def drawn(batch: int) -> tf.Tensor:
        return tf.constant(random.normal(size=(batch, options.timesteps, units)), tf.float32)

    values = drawn(options.batch)
    layers = {STOCK: keras.layers.LSTM(units, return_sequences=True)}
    for name in CELLS:
        layers[name] = importlib.import_module(f"models.cells.{name}").layer(units, name)
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": options.threads,
        "python": platform.python_version(),
        **{package: version(package) for package in ("tensorflow", "keras")},
    }
    figures: dict[str, Any] = {"machine": machine, "cells": {}, "fused": {}}
    for kind, compiled in (("training", training_step), ("inference", inference)):
        steps = {name: compiled(layer, values) for name, layer in layers.items()}
        figures["cells"][kind] = medians(steps, options.rounds)
        print(f"{kind} done", file=sys.stderr)
    stock = layers[STOCK]
    for batch in BATCHES:
        values = drawn(batch)
        steps = {"stock": inference(stock, values), "fused": fused(stock, values)}
        difference = float(tf.reduce_max(tf.abs(steps["stock"]() - steps["fused"]())))
        figures["fused"][batch] = medians(steps, options.rounds) | {"difference": difference}

    print(f"\n{json.dumps(machine)}\nbatch {options.batch}, {options.timesteps} timesteps, {units}")
    print("\n| cell | training ms | to stock | inference ms | to stock |\n|---|---|---|---|---|")
    training, inferred = figures["cells"]["training"], figures["cells"]["inference"]
    for name in layers:
        row = [f"{of[name]:.0f} | {of[name] / of[STOCK]:.2f}" for of in (training, inferred)]
        print(f"| {name} | {' | '.join(row)} |")
    print("\n| batch | stock ms | fused ms | faster by | difference |\n|---|---|---|---|---|")
    for batch, found in figures["fused"].items():
        ratio = found["stock"] / found["fused"]
        print(
            f"| {batch} | {found['stock']:.1f} | {found['fused']:.1f} | {ratio:.2f} | "
            f"{found['difference']:.1e} |"
        )
    if options.output:
        options.output.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
