"""Why a network answered as it did.

Gradient x input attribution: the gradient of the answer's log-probability with respect to each
step's embedding, times that embedding, summed over its units (Shrikumar et al. 2016,
https://arxiv.org/abs/1605.01713).  A positive value spoke for the answer, a negative one against.
"""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf


def embedding_attribution(
    network: keras.Model, inputs: Mapping[str, tf.Tensor], feature: str
) -> np.ndarray:
    """What each step of a sequence feature contributed to the most probable label.

    Args:
        network: a network from ``models.network.build``, with an embedded ``feature``.
        inputs: the network's inputs, batched and padded.
        feature: name of the sequence feature.

    Returns:
        float32 ``[batch, time]``; 0 in the padding.

    Raises:
        ValueError: the network has no embedding of that name.
    """
    name = f"{feature}.embedding"
    if name not in {layer.name for layer in network.layers} or f"{feature}_length" not in inputs:
        raise ValueError(f"the network does not embed a feature named {feature!r}")
    embedded = network.get_layer(name).output
    above = keras.Model([embedded, *network.inputs], network.output)
    below = keras.Model(network.inputs, embedded)
    ordered = [inputs[tensor.name] for tensor in network.inputs]
    values = below(ordered, training=False)
    with tf.GradientTape() as tape:
        tape.watch(values)
        scores = above([values, *ordered], training=False)
        answer = tf.math.log(tf.reduce_max(scores, axis=-1))
    gradient = tape.gradient(answer, values)
    contribution = tf.reduce_sum(gradient * values, axis=-1)
    mask = tf.sequence_mask(inputs[f"{feature}_length"], tf.shape(contribution)[1])
    return tf.where(mask, contribution, 0.0).numpy()
