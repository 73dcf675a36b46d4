"""What is summed over chunks, the metrics from the sums, and what is watched while training."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from models.tasks.f1 import f1
from models.tasks.generate import Options
from models.tasks.generate.scores import SET_FIGURES, TEXT_FIGURES

COUNTED = "steps"


def statistics(options: Options) -> tuple[str, ...]:
    """Names of what is summed: ``steps`` that were predicted, ``nats``, and counts."""
    return (COUNTED, "nats", *(SET_FIGURES if options.sets else TEXT_FIGURES)[1:])


def example_statistics(
    options: Options, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Statistics of each chunk, float64 ``[rows, statistics]``, which the judged outputs are."""
    columns = [np.asarray(outputs[name], np.float64).reshape(-1) for name in statistics(options)]
    return np.stack(columns, axis=1)


def summarise(options: Options, sums: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics from summed statistics.

    Args:
        options: the task's options.
        sums: float64 ``[..., statistics]``.

    Returns:
        ``[...]`` by name, NaN where no step was predicted.  ``nats``: mean negative logarithm of
        the probability of a step; ``perplexity`` its exponential; ``bits_per_character`` in
        logarithms to 2; ``accuracy``: share of pieces that are the likeliest.  Of sets:
        ``micro_f1`` of all members, ``exact_match``: share of sets that are answered exactly.
    """
    by_name = dict(zip(statistics(options), np.moveaxis(sums, -1, 0), strict=True))
    steps = np.where(by_name[COUNTED] > 0, by_name[COUNTED], np.nan)
    nats, right = by_name["nats"] / steps, by_name["right"] / steps
    if options.sets:
        micro = f1(by_name["found"], by_name["answered"], by_name["there"])
        micro = np.where(by_name[COUNTED] > 0, micro, np.nan)
        return {"micro_f1": micro, "exact_match": right, "nats": nats}
    # Of a model that gives nearly nothing to what comes, which no number could say otherwise.
    found = {"perplexity": np.exp(np.minimum(nats, 700.0)), "nats": nats, "accuracy": right}
    if options.pieces == "characters":
        found["bits_per_character"] = nats / math.log(2.0)
    return found


@keras.saving.register_keras_serializable(package="rondo")
class NatsAStep(keras.losses.Loss):
    """Mean negative logarithm of the probability of what came.

    Call arguments: which steps count, float ``[batch, time]``; figures ``[batch, time, figures]``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"name": "nats", **kwargs})

    def call(self, y_true, y_pred):
        counted = ops.cast(y_true, y_pred.dtype)
        return -ops.sum(counted * y_pred[..., 0]) / ops.maximum(ops.sum(counted), 1.0)


@keras.saving.register_keras_serializable(package="rondo")
class Perplexity(keras.metrics.Mean):
    """The inverse geometric mean of the probabilities; call arguments as of ``NatsAStep``."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(-y_pred[..., 0], sample_weight=y_true)

    def result(self):
        return ops.exp(super().result())


@keras.saving.register_keras_serializable(package="rondo")
class NextAccuracy(keras.metrics.Mean):
    """Share of pieces that are the likeliest, of those of which that is known: none where a
    sampled softmax trains.  Call arguments as of ``NatsAStep``.
    """

    def update_state(self, y_true, y_pred, sample_weight=None):
        right = y_pred[..., 1]
        known = ops.cast(right >= 0.0, right.dtype) * ops.cast(y_true, right.dtype)
        super().update_state(right, sample_weight=known)


@keras.saving.register_keras_serializable(package="rondo")
class SetsF1(keras.metrics.Metric):
    """F1 of all members of all sets; call arguments as of ``NatsAStep``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.counts = self.add_weight(shape=(3,), initializer="zeros", name="counts")

    def update_state(self, y_true, y_pred, sample_weight=None):
        counted = ops.cast(y_true, y_pred.dtype)[..., None]
        self.counts.assign_add(ops.sum(counted * y_pred[..., 2:], axis=(0, 1)))

    def result(self):
        return 2.0 * self.counts[0] / ops.maximum(self.counts[1] + self.counts[2], 1.0)
