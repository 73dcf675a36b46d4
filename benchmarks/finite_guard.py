"""What the guard against numbers that are not finite costs a step of training.

    python benchmarks/finite_guard.py [--rounds 7] [--steps 30]

An LSTM over texts as long as reviews (batch 64, 200 tokens, vocabulary 20,000, embedding 64, 64
units) is trained with the guard and without it in turns, on the same batches; printed is the median
over the rounds of each turn's milliseconds a step.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf

from components.train.finite import StopAtNonFinite
from models.spec import TrainingOptions

BATCH, TIME, VOCABULARY, UNITS = 64, 200, 20_000, 64


def network() -> keras.Model:
    """The LSTM, compiled as an experiment's network is."""
    tokens = keras.Input((None,), dtype="int32", name="review")
    values = keras.layers.Embedding(VOCABULARY, 64)(tokens)
    last = keras.layers.LSTM(UNITS)(values)
    model = keras.Model({"review": tokens}, keras.layers.Dense(2, activation="softmax")(last))
    optimizer = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class LossRead(keras.callbacks.Callback):
    """Reads the loss of each step, as the check before the guard did."""

    def on_train_batch_end(self, batch, logs=None):
        assert np.isfinite(float(logs["loss"]))


def seconds(model: keras.Model, rows: tf.data.Dataset, callback: keras.callbacks.Callback) -> float:
    """Of an epoch."""
    begun = time.perf_counter()
    model.fit(rows, epochs=1, callbacks=[callback], verbose=0)
    return time.perf_counter() - begun


def main() -> None:
    """Takes turns and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    tokens = generator.integers(1, VOCABULARY, (BATCH * options.steps, TIME)).astype(np.int32)
    labels = generator.integers(0, 2, BATCH * options.steps)
    rows = tf.data.Dataset.from_tensor_slices(({"review": tokens}, labels)).cache()
    rows = rows.batch(BATCH).prefetch(tf.data.AUTOTUNE)
    models = {"without": network(), "with": network()}
    taken: dict[str, list[float]] = {name: [] for name in models}
    with tempfile.TemporaryDirectory() as folder:
        guard = StopAtNonFinite(models["with"], TrainingOptions(), folder)
        callbacks = {"without": LossRead(), "with": guard}
        # The guard stays on, since leaving it throws the compiled step away.
        with guard.guarding():
            for round_number in range(options.rounds + 1):
                order = list(models) if round_number % 2 else list(models)[::-1]
                for name in order:
                    spent = seconds(models[name], rows, callbacks[name])
                    if round_number:  # The first compiles.
                        taken[name].append(1000 * spent / options.steps)
    median = {name: statistics.median(times) for name, times in taken.items()}
    ratios = [guarded / plain for plain, guarded in zip(*taken.values(), strict=True)]
    print(f"{platform.machine()}, {os.cpu_count()} cores, TensorFlow {tf.__version__}")
    for name, milliseconds in median.items():
        spread = f"{min(taken[name]):.1f} to {max(taken[name]):.1f}"
        print(f"{name:8} {milliseconds:7.1f} ms a step  ({spread})")
    print(
        f"cost     {100 * (statistics.median(ratios) - 1):+7.1f} %  (median of the rounds' ratios)"
    )


if __name__ == "__main__":
    main()
