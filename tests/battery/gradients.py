"""The gradient of a scalar with respect to inputs and weights, whatever the backend."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def gradients(layer: Any, inputs: np.ndarray, loss: Callable) -> list[np.ndarray]:
    """Of ``loss(layer(inputs))``: for the inputs first, then for each trainable weight."""
    backend = keras.backend.backend()
    return {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[backend](layer, inputs, loss)


def _tensorflow(layer, inputs, loss):
    import tensorflow as tf

    given = tf.convert_to_tensor(inputs)
    weights = [weight.value for weight in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(given)
        answer = loss(layer(given))
    return [np.asarray(gradient) for gradient in tape.gradient(answer, [given, *weights])]


def _jax(layer, inputs, loss):
    import jax

    def answer(given, weights):
        outputs, _ = layer.stateless_call(
            weights, [weight.value for weight in layer.non_trainable_variables], given
        )
        return loss(outputs)

    weights = [weight.value for weight in layer.trainable_variables]
    of_inputs, of_weights = jax.grad(answer, argnums=(0, 1))(inputs, weights)
    return [np.asarray(gradient) for gradient in (of_inputs, *of_weights)]


def _torch(layer, inputs, loss):
    given = keras.ops.convert_to_tensor(inputs).requires_grad_(True)
    weights = [weight.value for weight in layer.trainable_variables]
    for weight in weights:
        weight.grad = None
    loss(layer(given)).backward()
    return [tensor.grad.cpu().numpy() for tensor in (given, *weights)]
