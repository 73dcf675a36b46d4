"""Forecasts of many steps from a context, without anything learnt (NumPy).

Formulas by Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, section
5.2, https://otexts.com/fpp3/simple-methods.html.  With ``T`` steps known and ``y_t`` the values at
step ``t``, each function gives ``y_(T+1)`` to ``y_(T+horizon)``, channel by channel.

Context: numbers ``[..., time, channels]``, any axes in front.  Where rows differ in length they
are right-padded, and ``lengths`` ``[...]`` says how many steps each has; what stands in the padding
changes nothing.  Forecasts are ``[..., horizon, channels]``, float64.
"""

import numpy as np


def carried_forward(values: np.ndarray) -> np.ndarray:
    """Values ``[time, ...]`` with the last known one before it in place of each NaN.

    What comes before the first known one stays NaN.
    """
    steps = np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))
    place = np.maximum.accumulate(np.where(np.isnan(values), 0, steps), axis=0)
    return np.take_along_axis(values, place, axis=0)


def persistence(context: np.ndarray, horizon: int, lengths: np.ndarray | None = None) -> np.ndarray:
    """The last step goes on (the naive method): ``y_(T+h) = y_T``.

    Raises:
        ValueError: there is no step, ``horizon`` is below 1, or a length does not fit.
    """
    context, lengths = _checked(context, horizon, lengths)
    last = _steps(context, lengths[..., None] - 1)
    return np.repeat(last, horizon, axis=-2)


def drift(context: np.ndarray, horizon: int, lengths: np.ndarray | None = None) -> np.ndarray:
    """The line through the first and the last step: ``y_(T+h) = y_T + h (y_T - y_1) / (T - 1)``.

    One step alone has no direction and persists.

    Raises:
        ValueError: there is no step, ``horizon`` is below 1, or a length does not fit.
    """
    context, lengths = _checked(context, horizon, lengths)
    last = _steps(context, lengths[..., None] - 1)
    slope = (last - context[..., :1, :]) / np.maximum(lengths - 1, 1)[..., None, None]
    return last + np.arange(1, horizon + 1)[:, None] * slope


def seasonal_naive(
    context: np.ndarray, horizon: int, season: int, lengths: np.ndarray | None = None
) -> np.ndarray:
    """The last season over again: ``y_(T+h) = y_(T+h-m(k+1))``, ``k = floor((h-1)/m)``.

    Args:
        context: see the module.
        horizon: steps ahead.
        season: its length ``m`` in steps, 24 for hours of a day.
        lengths: see the module.

    Raises:
        ValueError: as for the others, or a context is shorter than the season.
    """
    context, lengths = _checked(context, horizon, lengths)
    if season < 1:
        raise ValueError(f"season is {season}; a season has a step at least")
    if lengths.size and lengths.min() < season:
        raise ValueError(
            f"a context of {lengths.min()} steps came, shorter than a season of {season} (give a "
            "longer context, or use persistence)"
        )
    return _steps(context, lengths[..., None] - season + np.arange(horizon) % season)


def _steps(context: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The steps ``[..., n]`` of each row, ``[..., n, channels]``."""
    return np.take_along_axis(context, steps[..., None], axis=-2)


def _checked(
    context: np.ndarray, horizon: int, lengths: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    context = np.asarray(context, np.float64)
    if context.ndim < 2:
        raise ValueError(f"a context {list(context.shape)} came; it is [..., time, channels]")
    if horizon < 1:
        raise ValueError(f"horizon is {horizon}; at least one step is forecast")
    rows, time = context.shape[:-2], context.shape[-2]
    lengths = np.full(rows, time) if lengths is None else np.asarray(lengths)
    if lengths.shape != rows:
        raise ValueError(f"lengths {list(lengths.shape)} came for rows {list(rows)}")
    if lengths.size and not (lengths.min() >= 1 and lengths.max() <= time):
        raise ValueError(
            f"lengths {lengths.min()} to {lengths.max()} came for {time} steps; each row has a "
            "step at least and no more than are there"
        )
    return context, lengths
