"""Integrated gradients: what each step of a sequence contributed to an answer.

The gradient of the answer's log-probability with respect to a step's embedding, averaged on the
straight way from nothing (a zero vector at every step) to the embeddings as they are, times the
embedding (Sundararajan et al. 2017, https://arxiv.org/abs/1703.01365).  A positive value spoke for
the answer, a negative one against, and all of them add up to what the feature changed of the
log-probability.  The numbers of a series stand for its embedding; its zero is the mean of each
channel, where the feature is normalised.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

SMALLEST = 1e-30
"""Below every probability that a float32 softmax gives in earnest; its logarithm is finite."""
ROWS_AT_ONCE = 512
"""Of the way's points and the sequences together, so that long sequences fit into memory."""


class Attribution(NamedTuple):
    """What each step contributed, in nats.

    Attributes:
        steps: float32 ``[batch, time]``; 0 in the padding.
        score: log-probability of the answer, float32 ``[batch]``.
        score_without: the same with the feature's embedding at zero; ``steps`` add up to the
            difference, but for the error of the quadrature.
    """

    steps: np.ndarray
    score: np.ndarray
    score_without: np.ndarray


class _Halves(NamedTuple):
    """A network cut at a feature's embedding."""

    below: Callable[[list[tf.Tensor]], tf.Tensor]
    above: Callable[[tf.Tensor, list[tf.Tensor]], tf.Tensor]


def integrated_gradients(
    network: keras.Model,
    inputs: Mapping[str, tf.Tensor],
    feature: str,
    answers: np.ndarray,
    answered_steps: np.ndarray | None = None,
    points: int = 32,
) -> Attribution:
    """What each step of a sequence feature contributed to an answer.

    Args:
        network: from the features' inputs to probabilities ``[batch, labels]`` or, where steps
            are answered, ``[batch, time, labels]``.
        inputs: the network's inputs by name, batched and padded.
        feature: name of the sequence feature: an embedded one or a series.
        answers: which label is asked about, int ``[batch]``.
        answered_steps: at which step, int ``[batch]``, where the network answers steps.
        points: at which the gradient is taken on the way (Gauss-Legendre).

    Raises:
        ValueError: the network neither embeds nor reads as numbers a sequence of that name.
    """
    below, above = _halves(network, feature, inputs)
    places, shares = np.polynomial.legendre.leggauss(points)
    # Both ends of the way are looked at too, without a share in the mean.
    places = np.concatenate([(places + 1.0) / 2.0, [1.0, 0.0]])
    shares = np.concatenate([shares / 2.0, [0.0, 0.0]])
    ordered = [tf.convert_to_tensor(inputs[tensor.name]) for tensor in network.inputs]
    asked = np.asarray(answers, np.int32)[:, None]
    if answered_steps is not None:
        asked = np.concatenate([np.asarray(answered_steps, np.int32)[:, None], asked], axis=1)
    found = []
    at_once = max(1, ROWS_AT_ONCE // len(places))
    for start in range(0, len(asked), at_once):
        rows = slice(start, start + at_once)
        batch = [tensor[rows] for tensor in ordered]
        values = below(batch)
        # All places on the way as one batch, place by place.
        factors = tf.constant(places, values.dtype)
        way = tf.concat([factor * values for factor in factors], axis=0)
        repeated = [tf.concat([tensor] * len(places), axis=0) for tensor in batch]
        with tf.GradientTape() as tape:
            tape.watch(way)
            probability = tf.gather_nd(
                above(way, repeated), np.tile(asked[rows], (len(places), 1)), batch_dims=1
            )
            scores = tf.math.log(tf.maximum(tf.cast(probability, tf.float32), SMALLEST))
        slopes = tf.stack(tf.split(tape.gradient(scores, way), len(places)))
        mean = tf.tensordot(tf.constant(shares, values.dtype), slopes, axes=1)
        contributed = tf.reduce_sum(tf.cast(mean * values, tf.float32), axis=-1)
        mask = tf.sequence_mask(inputs[f"{feature}_length"][rows], tf.shape(values)[1])
        *_, score, score_without = tf.split(scores, len(places))
        found.append([tf.where(mask, contributed, 0.0), score, score_without])
    return Attribution(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _halves(network: keras.Model, feature: str, inputs: Mapping[str, tf.Tensor]) -> _Halves:
    names = [tensor.name for tensor in network.inputs]
    layer = f"{feature}.embedding"
    if f"{feature}_length" in inputs and layer in {layer.name for layer in network.layers}:
        embedded = network.get_layer(layer).output
        lower = keras.Model(network.inputs, embedded)
        upper = keras.Model([embedded, *network.inputs], network.output)
        return _Halves(
            lambda ordered: lower(ordered, training=False),
            lambda values, ordered: upper([values, *ordered], training=False),
        )
    if f"{feature}_length" in inputs and feature in names and inputs[feature].dtype.is_floating:
        place = names.index(feature)
        # Of a list of inputs, whatever structure the network itself is called with.
        whole = keras.Model(network.inputs, network.output)
        return _Halves(
            lambda ordered: ordered[place],
            lambda values, ordered: whole(
                [*ordered[:place], values, *ordered[place + 1 :]], training=False
            ),
        )
    raise ValueError(
        f"the network neither embeds a sequence named {feature!r} (in a layer {layer!r}) nor reads "
        f"one as numbers; its inputs are {', '.join(sorted(names))}"
    )
