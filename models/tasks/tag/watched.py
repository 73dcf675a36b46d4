"""Losses and the metrics shown while training.

Labels are int ``[batch, time]``: -1 in the padding, and -2 where the train split lacks the label.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from models.layers.crf import log_likelihood, unpacked
from models.tasks.names import PADDING
from models.tasks.tag import Options
from models.tasks.tag.decoding import decided, permitted
from models.tasks.tag.spans import edges, marks_of


def lengths_of(labels: Any) -> Any:
    """Steps of each row, int32 ``[batch]``, each >= 1."""
    steps = ops.sum(ops.cast(ops.not_equal(labels, PADDING), "int32"), axis=1)
    return ops.maximum(steps, 1)


@keras.saving.register_keras_serializable(package="rondo")
class StepLoss(keras.losses.SparseCategoricalCrossentropy):
    """Cross-entropy of the true label, in nats a step, over the steps whose label is known.

    Call arguments: labels, probabilities ``[batch, time, labels]``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"ignore_class": PADDING, **kwargs})

    def call(self, y_true, y_pred):
        return super().call(ops.maximum(y_true, PADDING), y_pred)


@keras.saving.register_keras_serializable(package="rondo")
class ChainLoss(keras.losses.Loss):
    """Minus the logarithm of the probability of all labels of a row, in nats a step.

    Labels that are not known are summed over.  Call arguments: labels, packed chain.
    """

    def call(self, y_true, y_pred):
        labels = ops.cast(y_true, "int32")
        lengths = lengths_of(labels)
        steps = ops.cast(ops.sum(lengths), "float32")
        rows = ops.cast(ops.shape(labels)[0], "float32")
        # Keras takes the mean over the rows; this makes it one over the steps.
        return -log_likelihood(unpacked(y_pred), labels, lengths) * rows / steps


@keras.saving.register_keras_serializable(package="rondo")
class SequenceLoss(keras.losses.SparseCategoricalCrossentropy):
    """Cross-entropy of the sequence's label in nats, weighted; one not learnt, -1, does not count.

    Args:
        weight: of the loss.
        **kwargs: of ``keras.losses.SparseCategoricalCrossentropy``.

    Call arguments: labels int ``[batch]``, probabilities ``[batch, labels]``.
    """

    def __init__(self, weight: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**{"ignore_class": PADDING, **kwargs})
        self.weight = weight

    def __call__(self, y_true, y_pred, sample_weight=None):
        # Not in ``call``: Keras marks there which sequences count, and a product loses the mark.
        return self.weight * super().__call__(y_true, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable(package="rondo")
class SequenceAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """Share of the sequences with a known label that got theirs.

    Call arguments: see ``SequenceLoss``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"name": "sequence_label_accuracy", **kwargs})

    def update_state(self, y_true, y_pred, sample_weight=None):
        known = ops.cast(ops.not_equal(y_true, PADDING), self.dtype)
        super().update_state(y_true, y_pred, sample_weight=known)


class _Answers(keras.metrics.Metric):
    """A metric that compares the labels answered with the true ones.

    Args:
        options: of the task, or what ``model_dump`` made of them.
        labels: names, in the order of the scores.
        **kwargs: of ``keras.metrics.Metric``.

    Call arguments: labels, what the network gives.
    """

    def __init__(self, options: Options | dict, labels: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options = Options.model_validate(options)
        self.labels = list(labels)
        self.permitted = permitted(self.options, self.labels)

    def _decided(self, labels: Any, scores: Any) -> Any:
        return decided(self.options.head, scores, self.permitted, lengths_of(labels))

    def get_config(self) -> dict[str, Any]:
        own = {"options": self.options.model_dump(), "labels": self.labels}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="rondo")
class TokenAccuracy(_Answers):
    """Share of the steps with a known label that got theirs."""

    def __init__(self, options: Options | dict, labels: Sequence[str], **kwargs: Any) -> None:
        super().__init__(options, labels, **{"name": "token_accuracy", **kwargs})
        self.right = self.add_weight(name="right", initializer="zeros")
        self.steps = self.add_weight(name="steps", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.cast(y_true, "int32")
        known = labels >= 0
        right = known & ops.equal(self._decided(labels, y_pred), labels)
        self.right.assign_add(ops.sum(ops.cast(right, "float32")))
        self.steps.assign_add(ops.sum(ops.cast(known, "float32")))

    def result(self):
        return self.right / ops.maximum(self.steps, 1.0)


@keras.saving.register_keras_serializable(package="rondo")
class SpanF1(_Answers):
    """F1 of the spans answered; a step whose true label is not known is outside of all."""

    def __init__(self, options: Options | dict, labels: Sequence[str], **kwargs: Any) -> None:
        super().__init__(options, labels, **{"name": "span_f1", **kwargs})
        self.marks = marks_of([*self.labels, "O"])
        self.counts = self.add_weight(name="counts", shape=(3,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.cast(y_true, "int32")
        steps = ops.arange(ops.shape(labels)[1], dtype="int32")
        within = steps[None, :] < lengths_of(labels)[:, None]
        outside = len(self.labels)
        true = ops.where(labels >= 0, labels, outside)
        found = ops.where(within, self._decided(labels, y_pred), outside)
        marked = [[ops.take(mark, places) for mark in self.marks[:4]] for places in (true, found)]
        (first, last), (found_first, found_last) = (edges(*marks, arrays=ops) for marks in marked)
        together = first & found_first & ops.equal(marked[0][3], marked[1][3])
        right = _agreeing(first | found_first, together) & last & found_last
        counts = [ops.sum(ops.cast(which, "float32")) for which in (first, found_first, right)]
        self.counts.assign_add(ops.stack(counts))

    def result(self):
        return 2.0 * self.counts[2] / ops.maximum(self.counts[0] + self.counts[1], 1.0)


def _agreeing(either: Any, together: Any) -> Any:
    """Whether, where a span last began for one, it began for both, bool ``[batch, time]``."""
    places = ops.cumsum(ops.cast(either, "int32"), axis=1)
    return (places > 0) & ops.equal(_running_maximum(ops.where(together, places, 0)), places)


def _running_maximum(values: Any) -> Any:
    """The largest value up to each step, ``[batch, time]``."""

    def step(largest, value):
        largest = ops.maximum(largest, value)
        return largest, largest

    initial = ops.zeros_like(values[:, 0])
    _, found = ops.scan(step, initial, ops.transpose(values))
    return ops.transpose(found)
