"""Stops training at a number that is not finite, with the weights from before that step."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.errors import UserError
from models.finite import Culprit, find
from models.spec import TrainingOptions

LAST_GOOD = "last_good.keras"


class StopAtNonFinite(keras.callbacks.Callback):
    """Ends training at a step whose loss or gradient is not finite, and says where it began.

    While ``guarding``, the optimiser leaves all weights as they are in such a step, and the batch
    is at hand.  The network with these weights is kept as ``last_good.keras``.

    Args:
        network: compiled and built.
        training: what the message names the values of.
        folder: where the network is kept; outlives the process.

    Raises:
        UserError: from ``on_train_batch_end``.
    """

    def __init__(self, network: keras.Model, training: TrainingOptions, folder: str):
        super().__init__()
        self._network = network
        self._training = training
        self._folder = folder
        self._batch: Any = None
        self._epoch = 1
        self._begun = 0
        # Steps that the optimiser had taken when it refused one; none is refused twice.
        self._refused = tf.Variable(-1, dtype=tf.int64, trainable=False)

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Within it, ``fit`` is guarded."""
        network, optimizer = self._network, self._network.optimizer
        optimizer.build(network.trainable_variables)
        apply = optimizer.apply

        def apply_if_finite(gradients, variables=None):
            gradients = list(gradients)
            given = [gradient for gradient in gradients if gradient is not None]

            def apply_all():
                apply(gradients, variables)
                return tf.constant(0)

            def refuse():
                taken = tf.cast(optimizer.iterations.value, tf.int64)
                self._refused.assign(tf.where(self._refused < 0, taken, self._refused))
                return tf.constant(0)

            tf.cond(tf.math.is_finite(_norm(given)), apply_all, refuse)

        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if not scaled:  # That one expects such steps, leaves them out and lowers its scale.
            optimizer.apply = apply_if_finite
        network.make_train_function(force=True)
        one_step = network.train_function

        def step_on_batch(iterator):
            # Taken from the iterator here, since a compiled step gives its batch to nobody.
            self._batch = next(iterator)
            return one_step([self._batch])

        if network.steps_per_execution == 1:
            network.train_function = step_on_batch
        try:
            yield
        finally:
            if not scaled:
                del optimizer.apply
            network.train_function = None
            self._batch = None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1
        self._begun = int(self._network.optimizer.iterations)

    def on_train_batch_end(self, batch, logs=None):
        loss = float((logs or {}).get("loss", 0.0))
        refused = int(self._refused)
        if refused < 0 and np.isfinite(loss):
            return
        step = batch + 1 if refused < 0 else refused - self._begun + 1
        kept = os.path.join(self._folder, LAST_GOOD)
        self._network.save(kept)
        whole = "" if self._epoch == 1 else f", and the last whole epoch's in {self._folder}"
        raise UserError(
            f"training: a number that is not finite came up in epoch {self._epoch}, step {step}: "
            f"{self._cause()}. The last good weights, from before that step, are in {kept}{whole}"
        )

    def _cause(self) -> str:
        if self._batch is None:
            return (
                "several steps were taken at once, so its batch is not known (compile the network "
                f"with steps_per_execution=1 to see where it began, or {self._remedy()})"
            )
        inputs, labels, _ = keras.utils.unpack_x_y_sample_weight(self._batch)
        if not isinstance(inputs, dict):
            inputs = {
                tensor.name: values
                for tensor, values in zip(
                    self._network.inputs, keras.tree.flatten(inputs), strict=True
                )
            }
        culprit = find(self._network, inputs, labels)
        if culprit is None:
            return (
                "the same batch with other dropout gives finite numbers throughout, so it is at "
                f"the edge of what float32 holds ({self._remedy()})"
            )
        return f"{_told(culprit)} ({self._remedy(culprit)})"

    def _remedy(self, culprit: Culprit | None = None) -> str:
        training = self._training
        if culprit is not None and culprit.kind == "input":
            return (
                f"look for NaN, infinity and numbers beyond float32 in feature {culprit.name!r}, "
                "and replace them or remove their rows"
            )
        advice = f"lower training.learning_rate, now {training.learning_rate:g}"
        if training.clip_norm is None and training.clip_value is None:
            return f"{advice}, or set training.clip_norm, now null: 1.0 is a good start"
        if training.clip_norm is not None:
            return f"{advice}, or training.clip_norm, now {training.clip_norm:g}"
        return f"{advice}, or training.clip_value, now {training.clip_value:g}"


def _told(culprit: Culprit) -> str:
    where = {
        "input": f"feature {culprit.name!r} holds {culprit.detail}",
        "weight": f"first in a weight of layer {culprit.name!r}, {culprit.detail}",
        "activation": f"first in layer {culprit.name!r}, {culprit.detail}",
        "loss": f"first in the loss: {culprit.detail}",
        "gradient": f"first, from the loss down, in the gradient of layer {culprit.name!r}, "
        f"{culprit.detail}",
    }
    return where[culprit.kind]


def _norm(gradients: list[Any]) -> tf.Tensor:
    """The norm of the whole gradient, float32; not finite where one number is not."""
    squares = [
        tf.reduce_sum(tf.square(tf.cast(_values(gradient), tf.float32))) for gradient in gradients
    ]
    return tf.sqrt(tf.add_n(squares))


def _values(gradient: tf.Tensor | tf.IndexedSlices) -> tf.Tensor:
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient
