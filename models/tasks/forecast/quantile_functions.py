"""Quantiles of distributions, as ops of TensorFlow's core, so that they are served anywhere.

Where there is no formula, the distribution function is inverted by halving an interval that is
known to hold the quantile.  All tensors are float32 of one shape ``[...]``, levels rise between 0
and 1, and quantiles are ``[..., levels]``.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import tensorflow as tf

HALVINGS = 40
"""More than the bits of a float32 tell apart."""


def normal_quantiles(mean: tf.Tensor, deviation: tf.Tensor, levels: Sequence[float]) -> tf.Tensor:
    """Of the normal distribution."""
    away = tf.constant([NormalDist().inv_cdf(level) for level in levels], mean.dtype)
    return mean[..., None] + deviation[..., None] * away


def student_t_quantiles(
    location: tf.Tensor, scale: tf.Tensor, freedom: tf.Tensor, levels: Sequence[float]
) -> tf.Tensor:
    """Of Student's t with at least 2 degrees of freedom.

    They lie between the normal distribution's and those of 2 degrees of freedom, which have a
    formula: ``(2 p - 1) / sqrt(2 p (1 - p))``.
    """
    found = []
    for level in levels:
        upper = max(level, 1.0 - level)
        if upper == 0.5:
            found.append(location)
            continue
        low = tf.fill(tf.shape(freedom), NormalDist().inv_cdf(upper))
        high = tf.fill(tf.shape(freedom), (2 * upper - 1) / math.sqrt(2 * upper * (1 - upper)))

        def reached(away: tf.Tensor, upper: float = upper) -> tf.Tensor:
            beyond = 0.5 * tf.math.betainc(
                0.5 * freedom, tf.fill(tf.shape(freedom), 0.5), freedom / (freedom + away**2)
            )
            return beyond <= 1.0 - upper

        away = _halved(low, high, reached, lambda low, high: 0.5 * (low + high))
        found.append(location + scale * (away if level > 0.5 else -away))
    return tf.stack(found, axis=-1)


def negative_binomial_quantiles(
    mean: tf.Tensor, dispersion: tf.Tensor, levels: Sequence[float]
) -> tf.Tensor:
    """Of counts with the variance ``mean + dispersion mean^2``: whole numbers, the least with as
    much at or below them.

    They are at most ``mean + deviation sqrt(p / (1 - p))`` (Cantelli's inequality).
    """
    shape = 1.0 / dispersion
    share = shape / (shape + mean)
    deviation = tf.sqrt(mean + dispersion * mean**2)
    found = []
    for level in levels:
        high = tf.math.ceil(mean + deviation * math.sqrt(level / (1.0 - level)))

        def reached(count: tf.Tensor, level: float = level) -> tf.Tensor:
            # At -1 there is nothing, and betainc is not defined.
            below = tf.math.betainc(shape, tf.maximum(count, 0.0) + 1.0, share)
            return (count >= 0.0) & (below >= level)

        low = -tf.ones_like(mean)
        found.append(_halved(low, high, reached, lambda low, high: tf.floor(0.5 * (low + high))))
    return tf.stack(found, axis=-1)


def _halved(
    low: tf.Tensor,
    high: tf.Tensor,
    reached: Callable[[tf.Tensor], tf.Tensor],
    middle: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """The upper end of an interval ``low < x <= high`` with ``reached(x)``, halved down."""

    def halve(count: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tuple[tf.Tensor, ...]:
        between = middle(low, high)
        is_reached = reached(between)
        return count + 1, tf.where(is_reached, low, between), tf.where(is_reached, between, high)

    _, _, high = tf.while_loop(
        lambda count, low, high: count < HALVINGS, halve, (tf.constant(0), low, high)
    )
    return high
