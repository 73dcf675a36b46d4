"""What is shown while training: the loss with smoothed labels, perplexity, right pieces.

All are of the true text fed to the decoder.  Labels are int ``[batch, steps]``, -1 in the padding;
logits float32 ``[batch, steps, pieces]``.
"""

from typing import Any

import keras
from keras import ops


def nats_of(logits, labels):
    """Minus the log-probability of each label, ``[batch, steps]``; anything in the padding."""
    places = ops.maximum(ops.cast(labels, "int32"), 0)
    return ops.sparse_categorical_crossentropy(places, logits, from_logits=True)


@keras.saving.register_keras_serializable(package="rondo")
class SmoothedPieceLoss(keras.losses.Loss):
    """Cross-entropy in nats a piece, with labels smoothed over all pieces (Szegedy et al. 2016,
    https://arxiv.org/abs/1512.00567).

    Args:
        smoothing: share of a label that is of all pieces alike.
        **kwargs: of ``keras.losses.Loss``.
    """

    def __init__(self, smoothing: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**{"name": "piece_loss", **kwargs})
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        nats = nats_of(y_pred, y_true)
        if self.smoothing:
            # The mean over all pieces differs from the label's in its logit alone.
            places = ops.expand_dims(ops.maximum(ops.cast(y_true, "int32"), 0), -1)
            own = ops.squeeze(ops.take_along_axis(y_pred, places, axis=-1), -1)
            nats = nats + self.smoothing * (own - ops.mean(y_pred, axis=-1))
        within = ops.cast(y_true >= 0, nats.dtype)
        return ops.sum(nats * within) / ops.maximum(ops.sum(within), 1.0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "smoothing": self.smoothing}


@keras.saving.register_keras_serializable(package="rondo")
class Perplexity(keras.metrics.Metric):
    """``exp`` of the mean of minus the log-probability of each piece, the end among them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"name": "perplexity", **kwargs})
        self.nats = self.add_weight(name="nats", shape=(), initializer="zeros")
        self.pieces = self.add_weight(name="pieces", shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        nats = nats_of(y_pred, y_true)
        within = ops.cast(y_true >= 0, nats.dtype)
        self.nats.assign_add(ops.sum(nats * within))
        self.pieces.assign_add(ops.sum(within))

    def result(self):
        # Beyond this a float32 would be infinite.
        return ops.exp(ops.minimum(self.nats / ops.maximum(self.pieces, 1.0), 80.0))


@keras.saving.register_keras_serializable(package="rondo")
class PieceAccuracy(keras.metrics.Mean):
    """Share of the pieces that score highest where they stand, the end among them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"name": "token_accuracy", **kwargs})

    def update_state(self, y_true, y_pred, sample_weight=None):
        right = ops.equal(ops.cast(ops.argmax(y_pred, -1), "int32"), ops.cast(y_true, "int32"))
        within = ops.cast(y_true >= 0, self.dtype)
        super().update_state(ops.cast(right, self.dtype), sample_weight=within)
