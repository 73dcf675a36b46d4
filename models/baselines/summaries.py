"""A series of any length as some numbers that say nothing of order but the ends and the slope."""

from collections.abc import Sequence

import numpy as np

STATISTICS = ("mean", "deviation", "min", "max", "first", "last", "slope")
"""Of each channel."""


def summaries(series: Sequence[np.ndarray]) -> np.ndarray:
    """Summary statistics of series.

    Args:
        series: numbers ``[time, depth]`` a row, each with a step at least and all with one depth.

    Returns:
        float64 ``[rows, 7 * depth + 1]``: ``STATISTICS`` by statistic and channel, then the number
        of steps.  The deviation is that of the whole (divided by ``time``); the slope is that of
        the least-squares line over the steps, per step, and 0 where there is one step only.

    Raises:
        ValueError: a series has no step.
    """
    return np.stack([_summary(np.asarray(values, np.float64)) for values in series])


def _summary(values: np.ndarray) -> np.ndarray:
    time = len(values)
    if not time:
        raise ValueError("a series without any step came; each has one at least")
    mean = values.mean(axis=0)
    steps = np.arange(time) - (time - 1) / 2
    slope = steps @ (values - mean) / max(steps @ steps, 1e-300)
    ends = (values[0], values[-1])
    spread = (values.std(axis=0), values.min(axis=0), values.max(axis=0))
    return np.concatenate([mean, *spread, *ends, slope, [time]])
