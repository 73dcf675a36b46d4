"""Windows scaled by themselves, and what goes on without anything learnt, as ops.

A context is ``[batch, time, channels]``, right-padded, with lengths ``[batch]`` from 1; what was
measured is a mask of its shape, False in the padding.
"""

from typing import NamedTuple

import keras
from keras import ops

from models.layers.sequence import step_mask

FLATTEST = 1e-3
"""A window that varies less than this share of its size is scaled as if it varied so much: a
constant series has no scale of its own, and one with a rare small step must not become huge."""


class Context(NamedTuple):
    """Attributes:
    values: float32 ``[batch, time, channels]``; 0 where nothing was measured.
    measured: boolean ``[batch, time, channels]``.
    lengths: int32 ``[batch]``.
    complete: whether everything within the lengths was measured.
    """

    values: keras.KerasTensor
    measured: keras.KerasTensor
    lengths: keras.KerasTensor
    complete: bool


def context_of(inputs, lengths, depth: int, channels: tuple[int, ...] | None = None) -> Context:
    """The context from what the network reads of a series feature.

    Args:
        inputs: ``[batch, time, depth]``, or with whether each number was measured behind,
            ``[batch, time, 2 * depth]``.
        lengths: ``[batch]``.
        depth: channels of the series.
        channels: those that are taken; all if None.
    """
    within = step_mask(inputs, lengths)
    values = inputs[..., :depth]
    known = inputs[..., depth:] if inputs.shape[-1] > depth else ops.ones_like(values)
    measured = ops.logical_and(within, known > 0.5)
    if channels is not None and channels != tuple(range(depth)):
        values, measured = (ops.take(part, channels, axis=-1) for part in (values, measured))
    values = ops.where(measured, values, ops.zeros_like(values))
    return Context(values, measured, lengths, inputs.shape[-1] == depth)


def last_measured(context: Context, steps):
    """The value at each of some steps, or the last one measured before it.

    Args:
        context: see the module.
        steps: int32 ``[batch, n]``, within the lengths.

    Returns:
        ``[batch, n, channels]``; 0 where nothing was measured until then.
    """
    if context.complete:
        return ops.take_along_axis(context.values, steps[..., None], axis=1)
    time = ops.arange(ops.shape(context.values)[1], dtype="int32")
    before = time[None, None, :] <= steps[:, :, None]  # [batch, n, time]
    usable = ops.logical_and(before[..., None], context.measured[:, None])
    place = ops.max(ops.where(usable, time[:, None], 0), axis=2)  # [batch, n, channels]
    return ops.take_along_axis(context.values, place, axis=1)


def continued(context: Context, horizon: int, season: int):
    """The last season over again, as ``models.baselines.forecasts.seasonal_naive`` has it.

    A context shorter than the season goes on with its last value, and so does ``season`` 1; a
    value that was not measured is the last one before it, 0 if there is none.

    Returns:
        ``[batch, horizon, channels]``.
    """
    lengths = ops.cast(context.lengths, "int32")[:, None]
    ahead = ops.arange(horizon, dtype="int32")[None, :] % season
    steps = ops.where(lengths >= season, lengths - season + ahead, lengths - 1)
    return last_measured(context, steps)


def moments(context: Context, scale: str, season: int, log: bool = False):
    """Location and scale of each window and channel, ``[batch, 1, channels]``.

    Args:
        context: see the module.
        scale: see the ``scale`` of the task's options.
        season: in steps; a context that is no longer takes steps that follow each other.
        log: whether the values are logarithms, which have no size of their own.
    """
    weights = ops.cast(context.measured, "float32")
    values = context.values
    count = ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1.0)
    zero, one = ops.zeros_like(count), ops.ones_like(count)
    if scale == "none":
        return zero, one
    size = ops.sum(ops.abs(values) * weights, axis=1, keepdims=True) / count
    size = ops.where(size > 0.0, size, one)
    if scale == "mean":
        return zero, size
    size = one if log else size
    mean = ops.sum(values * weights, axis=1, keepdims=True) / count
    flattest = FLATTEST * size
    away = ops.square(values - mean) * weights
    deviation = ops.maximum(ops.sqrt(ops.sum(away, axis=1, keepdims=True) / count), flattest)
    if scale == "standard":
        return mean, deviation
    seasonal = ops.maximum(_seasonal_spread(context, season), flattest)
    return mean, seasonal if scale == "seasonal" else ops.sqrt(deviation * seasonal)


def _seasonal_spread(context: Context, season: int):
    time = ops.arange(ops.shape(context.values)[1], dtype="int32")
    lag = ops.where(ops.cast(context.lengths, "int32") > season, season, 1)[:, None]
    earlier = time[None, :] - lag  # [batch, time]
    place = ops.maximum(earlier, 0)[..., None] + ops.zeros_like(context.values, dtype="int32")
    pairs = ops.logical_and(
        ops.logical_and(context.measured, (earlier >= 0)[..., None]),
        ops.take_along_axis(context.measured, place, axis=1),
    )
    differences = ops.abs(context.values - ops.take_along_axis(context.values, place, axis=1))
    total = ops.sum(ops.where(pairs, differences, 0.0), axis=1, keepdims=True)
    return total / ops.maximum(ops.sum(ops.cast(pairs, "float32"), axis=1, keepdims=True), 1.0)
