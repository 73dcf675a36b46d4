"""What a forecast is made of: how numbers of the network become a number or a distribution a step.

A head reads ``raw`` ``[..., size]``, what the network says of a step and channel in units of the
window's own scale, and gives ``answers`` ``[..., width]`` in original units: the parameters of the
forecast, and behind those of points and quantiles the scale, in which their losses are measured.

Deviations and the like are positive by softplus; quantiles do not cross, since each is the one
nearer to the median and something positive.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import tensorflow as tf
from keras import ops

from models.tasks.forecast import Options
from models.tasks.forecast.quantile_functions import (
    negative_binomial_quantiles,
    normal_quantiles,
    student_t_quantiles,
)

SMALLEST = 1e-4
"""Of a deviation in units of the window's scale, and of what a count disperses by."""
LARGEST_LOGARITHM = 80.0
"""Of a forecast, about 1e34."""


class Head(ABC):
    """Base of the heads.

    Attributes:
        size: numbers of the network for each step and channel.
    """

    size: int

    @abstractmethod
    def point(self, raw):
        """The forecast ``[...]`` that ``raw`` stands for, in units of the scale; see ``answers``
        for what else is added to it.
        """

    @abstractmethod
    def answers(self, raw, continued, location, scale):
        """Parameters in original units.

        Args:
            raw: ``[..., size]``.
            continued: ``[...]``, in units of the scale: what ``raw`` is the residual of.
            location: ``[...]``, original units: what was taken away before scaling.
            scale: ``[...]``, original units, above 0.

        Returns:
            ``[..., width]``.
        """

    @abstractmethod
    def forecast(self, answers):
        """The point forecast ``[...]``, original units."""

    @abstractmethod
    def certain(self, forecast):
        """The answers ``[..., width]`` of who is certain of a forecast ``[...]``."""

    @abstractmethod
    def quantiles(self, answers, levels: Sequence[float]):
        """The quantiles ``[..., levels]`` at rising levels, original units."""

    @abstractmethod
    def losses(self, truth, answers):
        """What is to be minimised, ``[...]``, of true values ``[...]`` in original units."""


class Point(Head):
    """A number a step.

    Args:
        loss: ``mae``, ``mse`` or ``huber`` (quadratic up to 1), of errors in units of the scale.
        log: whether the network's numbers and the scale are of logarithms.
    """

    size = 1

    def __init__(self, loss: str, log: bool = False):
        self._loss = loss
        self._log = log

    def point(self, raw):
        return raw[..., 0]

    def answers(self, raw, continued, location, scale):
        value = (raw[..., 0] + continued) * scale + location
        return ops.stack([exponential(value) if self._log else value, scale], axis=-1)

    def forecast(self, answers):
        return answers[..., 0]

    def certain(self, forecast):
        return ops.stack([forecast, ops.ones_like(forecast)], axis=-1)

    def quantiles(self, answers, levels):
        raise TypeError("a forecast of points has no quantiles")

    def losses(self, truth, answers):
        value = answers[..., 0]
        if self._log:
            truth, value = ops.log(truth), ops.log(value)
        error = ops.abs(truth - value) / answers[..., 1]
        if self._loss == "mae":
            return error
        if self._loss == "mse":
            return ops.square(error)
        return ops.where(error < 1.0, 0.5 * ops.square(error), error - 0.5)


class Quantiles(Head):
    """Quantiles that the network learns by the pinball loss (Koenker & Bassett 1978,
    https://doi.org/10.2307/1913643); the forecast is the median.

    Args:
        levels: rising, 0.5 among them.
        log: whether the network's numbers and the scale are of logarithms.
    """

    def __init__(self, levels: Sequence[float], log: bool = False):
        self._levels = tuple(levels)
        self._log = log
        self.size = len(levels)
        self._middle = self._levels.index(0.5)

    def point(self, raw):
        return raw[..., 0]

    def answers(self, raw, continued, location, scale):
        above = ops.softplus(raw[..., 1 : self.size - self._middle])
        below = ops.softplus(raw[..., self.size - self._middle :])
        away = ops.concatenate(
            [
                -ops.flip(ops.cumsum(below, axis=-1), axis=-1),
                ops.zeros_like(raw[..., :1]),
                ops.cumsum(above, axis=-1),
            ],
            axis=-1,
        )
        scaled = (raw[..., 0] + continued)[..., None] + away
        values = scaled * scale[..., None] + location[..., None]
        values = exponential(values) if self._log else values
        return ops.concatenate([values, scale[..., None]], axis=-1)

    def forecast(self, answers):
        return answers[..., self._middle]

    def certain(self, forecast):
        same = ops.repeat(forecast[..., None], self.size, axis=-1)
        return ops.concatenate([same, ops.ones_like(forecast[..., None])], axis=-1)

    def quantiles(self, answers, levels):
        if tuple(levels) != self._levels:
            raise ValueError(f"levels {list(levels)} came; learnt are {list(self._levels)}")
        return answers[..., :-1]

    def losses(self, truth, answers):
        values = answers[..., :-1]
        if self._log:
            truth, values = ops.log(truth), ops.log(values)
        error = (truth[..., None] - values) / answers[..., -1:]
        levels = ops.convert_to_tensor(self._levels, answers.dtype)
        return ops.mean(ops.maximum(levels * error, (levels - 1.0) * error), axis=-1)


class Gaussian(Head):
    """A normal distribution a step: answers are its mean and its deviation."""

    size = 2

    def point(self, raw):
        return raw[..., 0]

    def answers(self, raw, continued, location, scale):
        deviation = ops.softplus(raw[..., 1]) + SMALLEST
        return ops.stack([(raw[..., 0] + continued) * scale + location, deviation * scale], axis=-1)

    def forecast(self, answers):
        return answers[..., 0]

    def certain(self, forecast):
        return ops.stack([forecast, ops.zeros_like(forecast)], axis=-1)

    def quantiles(self, answers, levels):
        return normal_quantiles(answers[..., 0], answers[..., 1], levels)

    def losses(self, truth, answers):
        """Minus the log-likelihood, in nats."""
        mean, deviation = answers[..., 0], answers[..., 1]
        half_log_of_tau = 0.9189385332046727
        away = (truth - mean) / deviation
        return half_log_of_tau + ops.log(deviation) + 0.5 * ops.square(away)


class StudentT(Head):
    """Student's t a step, for errors with heavy tails: answers are its location (mean and median),
    its scale, and its degrees of freedom, above 2 so that it has a variance.
    """

    size = 3

    def point(self, raw):
        return raw[..., 0]

    def answers(self, raw, continued, location, scale):
        spread = ops.softplus(raw[..., 1]) + SMALLEST
        freedom = 2.0 + SMALLEST + ops.softplus(raw[..., 2])
        middle = (raw[..., 0] + continued) * scale + location
        return ops.stack([middle, spread * scale, freedom], axis=-1)

    def forecast(self, answers):
        return answers[..., 0]

    def certain(self, forecast):
        zero = ops.zeros_like(forecast)
        return ops.stack([forecast, zero, zero + 3.0], axis=-1)

    def quantiles(self, answers, levels):
        return student_t_quantiles(*tf.unstack(answers, axis=-1), levels)

    def losses(self, truth, answers):
        """Minus the log-likelihood, in nats."""
        middle, spread, freedom = (answers[..., place] for place in range(3))
        away = (truth - middle) / spread
        log_of_pi = 1.1447298858494002
        return (
            tf.math.lgamma(0.5 * freedom)
            - tf.math.lgamma(0.5 * (freedom + 1.0))
            + 0.5 * (ops.log(freedom) + log_of_pi)
            + ops.log(spread)
            + 0.5 * (freedom + 1.0) * ops.log1p(ops.square(away) / freedom)
        )


class NegativeBinomial(Head):
    """Counts, by mean and dispersion ``a``: the variance is ``mean + a mean^2`` (Salinas et al.
    2020, section 3.1, https://doi.org/10.1016/j.ijforecast.2019.07.001).
    """

    size = 2

    def point(self, raw):
        return ops.softplus(raw[..., 0])

    def answers(self, raw, continued, location, scale):
        mean = (ops.softplus(raw[..., 0]) + SMALLEST) * scale
        return ops.stack([mean, ops.softplus(raw[..., 1]) + SMALLEST], axis=-1)

    def forecast(self, answers):
        return answers[..., 0]

    def certain(self, forecast):
        """As certain as counts get: a Poisson distribution, whose dispersion is 0."""
        forecast = ops.maximum(forecast, 0.0) + SMALLEST
        return ops.stack([forecast, ops.full_like(forecast, SMALLEST)], axis=-1)

    def quantiles(self, answers, levels):
        return negative_binomial_quantiles(answers[..., 0], answers[..., 1], levels)

    def losses(self, truth, answers):
        """Minus the log-likelihood, in nats."""
        mean, dispersion = answers[..., 0], answers[..., 1]
        shape = 1.0 / dispersion
        return (
            tf.math.lgamma(shape)
            + tf.math.lgamma(truth + 1.0)
            - tf.math.lgamma(truth + shape)
            + shape * ops.log1p(dispersion * mean)
            - truth * (ops.log(dispersion * mean) - ops.log1p(dispersion * mean))
        )


def exponential(values):
    """``exp``, within what float32 and its logarithm can hold."""
    return ops.exp(ops.clip(values, -LARGEST_LOGARITHM, LARGEST_LOGARITHM))


def head_of(options: Options) -> Head:
    """The head that a task's options ask for."""
    if options.head == "point":
        return Point(options.point_loss, options.log)
    if options.head == "quantiles":
        return Quantiles(options.levels, options.log)
    heads = {"gaussian": Gaussian, "student_t": StudentT, "negative_binomial": NegativeBinomial}
    return heads[options.head]()
