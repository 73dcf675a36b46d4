"""Quantiles of distributions, as ops of TensorFlow's core, so that they are served anywhere.

Where there is no formula, the distribution function is inverted by halving an interval that is
known to hold the quantile, in float64: that function of float32 is too coarse near 1.  All tensors
are of one shape ``[...]``, levels rise between 0 and 1, and quantiles are float32 ``[...,
levels]``.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import tensorflow as tf

HALVINGS = 50
"""More than the bits of what is answered tell apart."""


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
    location, scale, freedom = (tf.cast(part, tf.float64) for part in (location, scale, freedom))
    found = []
    for level in levels:
        upper = max(level, 1.0 - level)
        if upper == 0.5:
            found.append(location)
            continue
        one = tf.ones_like(freedom)
        low = NormalDist().inv_cdf(upper) * one
        high = (2 * upper - 1) / math.sqrt(2 * upper * (1 - upper)) * one

        def reached(away: tf.Tensor, upper: float = upper, one: tf.Tensor = one) -> tf.Tensor:
            share = freedom / (freedom + away**2)
            beyond = 0.5 * tf.math.betainc(0.5 * freedom, 0.5 * one, share)
            return beyond <= 1.0 - upper

        away = _halved(low, high, reached, lambda low, high: 0.5 * (low + high))
        found.append(location + scale * (away if level > 0.5 else -away))
    return tf.cast(tf.stack(found, axis=-1), tf.float32)


def negative_binomial_quantiles(
    mean: tf.Tensor, dispersion: tf.Tensor, levels: Sequence[float]
) -> tf.Tensor:
    """Of counts with the variance ``mean + dispersion mean^2``: whole numbers, the least with as
    much at or below them.

    They are at most ``mean + deviation sqrt(p / (1 - p))`` (Cantelli's inequality).
    """
    mean, dispersion = (tf.cast(part, tf.float64) for part in (mean, dispersion))
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
    return tf.cast(tf.stack(found, axis=-1), tf.float32)


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
