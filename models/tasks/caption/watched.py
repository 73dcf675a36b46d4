"""The loss, and the metrics shown while training, when the right pieces before are known.

Labels are int ``[batch, steps]``, -1 in the padding; logits ``[batch, steps, pieces]``.
"""

from typing import Any

import keras
from keras import ops

from models.tasks.names import PADDING


@keras.saving.register_keras_serializable(package="rondo")
class PieceLoss(keras.losses.SparseCategoricalCrossentropy):
    """Cross-entropy of the right piece, in nats a piece, the end of each text among them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"from_logits": True, "ignore_class": PADDING, **kwargs})


@keras.saving.register_keras_serializable(package="rondo")
class PieceAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """Share of the pieces, the ends among them, that the network finds likeliest."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"name": "piece_accuracy", **kwargs})

    def update_state(self, y_true, y_pred, sample_weight=None):
        known = ops.cast(ops.not_equal(y_true, PADDING), self.dtype)
        super().update_state(ops.maximum(y_true, 0), y_pred, sample_weight=known)


@keras.saving.register_keras_serializable(package="rondo")
class ExactMatch(keras.metrics.Mean):
    """Share of the texts of which every piece is the likeliest: what greedy search gets right."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"name": "exact_match", **kwargs})

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.cast(y_true, "int32")
        found = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        right = ops.logical_or(ops.equal(labels, PADDING), ops.equal(labels, found))
        super().update_state(ops.cast(ops.all(right, axis=1), self.dtype))

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}
