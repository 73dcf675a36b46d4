"""Where a number that is not finite (NaN, infinity) comes from in a step of training."""

from collections.abc import Mapping
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from models.calls import walk


class Culprit(NamedTuple):
    """The first place of a step where a number is not finite.

    Attributes:
        kind: ``input``, ``weight``, ``activation``, ``loss`` or ``gradient``.
        name: of the input; of the layer that the weight, activation or gradient is of; empty for
            the loss.
        detail: a sentence's part: what is there.
    """

    kind: str
    name: str
    detail: str


def find(
    network: keras.Model, inputs: Mapping[str, tf.Tensor], labels: tf.Tensor
) -> Culprit | None:
    """Takes a step again without changing a weight, and looks at all that it computes, in order.

    Args:
        network: compiled.
        inputs: the step's batch, by input name.
        labels: the step's.

    Returns:
        the first input, weight, layer output (from the inputs up), loss or gradient (from the loss
        down) with a number that is not finite; None if all are finite, which dropout's other draw
        may do.
    """
    for name, values in inputs.items():
        array = np.asarray(values)
        if array.dtype.kind == "f" and (bad := ~np.isfinite(array)).any():
            rows = np.unique(np.nonzero(bad)[0])
            detail = f"{_counted(array)} in {rows.size} of the batch's {len(array)} rows"
            return Culprit("input", name, detail)
    for layer in network.layers:
        for weight in layer.weights:
            if not _finite(weight.value):
                return Culprit("weight", layer.name, f"{weight.path}: {_counted(weight.value)}")
    for name, output in _activations(network, inputs):
        if not _finite(output):
            return Culprit("activation", name, f"output {list(output.shape)}: {_counted(output)}")
    weights = network.trainable_variables
    with tf.GradientTape() as tape:
        answers = network(inputs, training=True)
        loss = network.compute_loss(x=inputs, y=labels, y_pred=answers, training=True)
    if not _finite(loss):
        return Culprit("loss", "", f"the loss is {float(loss)}, of finite answers")
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    for weight, gradient in reversed(list(zip(weights, gradients, strict=True))):
        if gradient is None:
            continue
        values = gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient
        if not _finite(values):
            layer = weight.path.split("/", 1)[0]
            return Culprit("gradient", layer, f"of {weight.path}: {_counted(values)}")
    return None


def _activations(
    network: keras.Model, inputs: Mapping[str, tf.Tensor]
) -> list[tuple[str, tf.Tensor]]:
    """What each layer gives, by its name, from the inputs up."""
    walked = walk(network)
    outputs = [(call.layer.name, output) for call in walked.calls for output in call.outputs]
    if not outputs:
        return []
    looking = keras.Model(walked.inputs, [output for _, output in outputs])
    found = looking([inputs[tensor.name] for tensor in network.inputs], training=True)
    return list(zip([name for name, _ in outputs], keras.tree.flatten(found), strict=True))


def _finite(values: tf.Tensor) -> bool:
    values = tf.convert_to_tensor(values)
    return not values.dtype.is_floating or bool(tf.reduce_all(tf.math.is_finite(values)))


def _counted(values: tf.Tensor) -> str:
    array = np.asarray(values)
    found = {"NaN": np.isnan(array).sum(), "infinite": np.isinf(array).sum()}
    parts = [f"{count} {name}" for name, count in found.items() if count]
    return f"{' and '.join(parts)} of {array.size} numbers"
