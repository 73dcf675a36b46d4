"""What is known of a series before the steps that are to be forecast: figures that judge forecasts.

The *seasonal error* is the mean size of the differences between steps a season apart, by which
MASE divides (Hyndman & Koehler 2006, https://doi.org/10.1016/j.ijforecast.2006.03.001).  *Naive2*
is the M4 competition's yardstick (Makridakis et al. 2020,
https://doi.org/10.1016/j.ijforecast.2019.04.014): where the autocorrelation at the season is
significant at 90%, the series is freed of its season by classical decomposition, its last value
goes on, and the season is put back; elsewhere the last value goes on.  The decomposition is
multiplicative, as in M4; it is additive where a number before is not above 0.
"""

import math
from array import array
from collections.abc import Sequence
from typing import Any

SIGNIFICANT = 1.645
"""Deviations of a normal distribution beyond which 10% lie."""
SEASONS = 3
"""Seasons that a series has at least for it to be decomposed."""


class InSample:
    """The numbers of a series, step by step, and figures of what came before a step.

    In memory are 24 bytes for each number of the series.

    Args:
        season: steps.
        places: channels that are looked at; all if None.
    """

    def __init__(self, season: int, places: Sequence[int] | None = None):
        self._season, self._places = season, places
        self._channels: list[_Channel] = []

    def push(self, values: Sequence[float | None]) -> None:
        """Takes the next step."""
        places = range(len(values)) if self._places is None else self._places
        if not self._channels:
            self._channels = [_Channel(self._season) for _ in places]
        for channel, place in zip(self._channels, places, strict=True):
            value = values[place]
            channel.push(math.nan if value is None else value)

    def seasonal_error(self, end: int) -> Any:
        """The seasonal error of the first ``end`` steps: a number, or one a channel; None where no
        two known steps are a season apart.
        """
        return _one_or_all([channel.seasonal_error(end) for channel in self._channels])

    def naive2(self, end: int, horizon: int) -> list[Any]:
        """Naive2 after the first ``end`` steps: ``[horizon]`` numbers or, of several channels, as
        many a step; None where nothing was known before.
        """
        forecasts = [channel.naive2(end, horizon) for channel in self._channels]
        if len(forecasts) == 1:
            return forecasts[0]
        return [list(step) for step in zip(*forecasts, strict=True)]


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


class _Channel:
    """One channel's numbers, with running sums of its seasonal differences."""

    def __init__(self, season: int):
        self._season = season
        self._values = array("d")
        self._total = array("d", [0.0])
        self._pairs = array("q", [0])

    def push(self, value: float) -> None:
        before = math.nan
        if len(self._values) >= self._season:
            before = self._values[-self._season]
        self._values.append(value)
        difference = abs(value - before)
        known = not math.isnan(difference)
        self._total.append(self._total[-1] + (difference if known else 0.0))
        self._pairs.append(self._pairs[-1] + known)

    def seasonal_error(self, end: int) -> float | None:
        pairs = self._pairs[end]
        return self._total[end] / pairs if pairs else None

    def naive2(self, end: int, horizon: int) -> list[float | None]:
        import numpy as np

        from models.baselines.forecasts import carried_forward

        values = carried_forward(np.array(self._values[:end]))
        values = values[~np.isnan(values)]
        if not len(values):
            return [None] * horizon
        return [float(value) for value in naive2(values, horizon, self._season)]


def naive2(values: Any, horizon: int, season: int) -> Any:
    """Naive2 of a series, see the module.

    Args:
        values: float64 ``[time]``, a step at least.
        horizon: steps ahead.
        season: steps.

    Returns:
        float64 ``[horizon]``.
    """
    import numpy as np

    count = len(values)
    last = np.repeat(values[-1], horizon)
    if not _is_seasonal(values, season):
        return last
    weights = np.full(season + 1 - season % 2, 1.0 / season)
    if season % 2 == 0:
        weights[[0, -1]] = 0.5 / season
    trend = np.convolve(values, weights, "valid")
    offset = len(weights) // 2
    inner = values[offset : offset + len(trend)]
    phases = (offset + np.arange(len(trend))) % season
    multiplicative = bool((values > 0).all())
    free = inner / trend if multiplicative else inner - trend
    indices = np.bincount(phases, free, season) / np.bincount(phases, minlength=season)
    now, ahead = (count - 1) % season, (count + np.arange(horizon)) % season
    if multiplicative:
        return last / indices[now] * indices[ahead]
    return last - indices[now] + indices[ahead]


def _is_seasonal(values: Any, season: int) -> bool:
    """Whether the autocorrelation at the season is significant, by Bartlett's formula."""
    import numpy as np

    count = len(values)
    if season == 1 or count < SEASONS * season:
        return False
    away = values - values.mean()
    power = float(away @ away)
    if power <= 1e-12 * float(values @ values):
        return False
    correlations = np.array(
        [float(away[lag:] @ away[:-lag]) / power for lag in range(1, season + 1)]
    )
    bound = SIGNIFICANT / math.sqrt(count)
    bound *= math.sqrt(1.0 + 2.0 * float((correlations[:-1] ** 2).sum()))
    return bool(abs(correlations[-1]) > bound)
