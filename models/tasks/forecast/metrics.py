"""A forecast's metrics in original units, from statistics that can be summed over windows (NumPy).

With ``y`` true, ``f`` forecast, and every mean over the values that are known:

* MAE ``mean |y - f|``; RMSE ``sqrt mean (y - f)^2``.
* sMAPE ``mean 200 |y - f| / (|y| + |f|)`` and MASE ``mean |y - f| / s`` of each window and channel,
  then over them, as the M4 competition has it (Makridakis et al. 2020,
  https://doi.org/10.1016/j.ijforecast.2019.04.014); ``s`` is the seasonal error of all that came
  before.  0 forecast as 0 is no error; a window without ``s``, or with 0, has no MASE.
* OWA, likewise: half of sMAPE and half of MASE, each in proportion to that of Naive2, over the
  windows and channels that have a forecast of Naive2 of all that is known.
* RSE ``sqrt(sum (y - f)^2 / sum (y - mean y)^2)`` over all channels, and CORR, the correlation of
  ``y`` and ``f`` of each channel, then over the channels that vary (Lai et al. 2018, section 4.2,
  https://arxiv.org/abs/1703.07015).
* weighted quantile loss ``2 sum_q sum q_loss / sum |y|``, over the number of levels (Salinas et al.
  2020, https://doi.org/10.1016/j.ijforecast.2019.07.001); coverage, the share of values from the
  lowest level's forecast to the highest's.

Each is also given of single steps of the horizon, where the options name any.
"""

from collections.abc import Mapping

import numpy as np

from models.tasks.forecast import Options
from models.tasks.forecast.names import metric_at

PLAIN = ("known", "absolute", "squared", "true", "true_squared", "size", "windows", "smape")
LEAST = 1e-12
"""Share of a sum of squares that is more than the rounding that a constant leaves of it."""
PER_CHANNEL = ("known", "true", "true_squared", "forecast", "forecast_squared", "product")


def statistics(options: Options) -> tuple[str, ...]:
    """Names of the statistics, in their order."""
    names = []
    for step in (None, *options.steps):
        names += [metric_at(name, step) for name in _of_block(options)]
    return tuple(names)


def _of_block(options: Options) -> list[str]:
    names = list(PLAIN)
    if options.seasonal_error is not None:
        names += ["scaled_windows", "mase"]
    if options.naive2 is not None:
        names += ["beside_naive2_smape", "beside_naive2_mase", "naive2_smape", "naive2_mase"]
    if options.levels:
        names += ["pinball", "covered"]
    return names + [f"{name}[{place}]" for name in PER_CHANNEL for place in range(options.width)]


def example_statistics(
    options: Options, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Statistics of each row; see ``statistics``.

    Args:
        options: the task's options.
        targets: raw, by column: the label ``[rows, horizon]`` or ``[rows, horizon, channels]``,
            NaN where unknown; the others that the options name.
        outputs: ``forecast`` like the label and, of a distribution, ``quantiles`` with levels
            behind.

    Returns:
        float64 ``[rows, statistics]``.
    """
    rows = len(outputs["forecast"])
    shape = (rows, options.horizon, options.width)
    truth, forecast = (
        np.asarray(part, np.float64).reshape(shape)
        for part in (targets[options.label], outputs["forecast"])
    )
    error = naive = quantiles = None
    if options.seasonal_error is not None:
        error = np.asarray(targets[options.seasonal_error], np.float64).reshape(rows, -1)
    if options.naive2 is not None:
        naive = np.asarray(targets[options.naive2], np.float64).reshape(shape)
    if options.levels:
        quantiles = np.asarray(outputs["quantiles"], np.float64)
        quantiles = quantiles.reshape(*shape, len(options.levels))
    blocks = []
    for step in (None, *options.steps):
        part = slice(None) if step is None else slice(step - 1, step)
        blocks.append(
            _block(
                options,
                truth[:, part],
                forecast[:, part],
                error,
                None if naive is None else naive[:, part],
                None if quantiles is None else quantiles[:, part],
            )
        )
    return np.concatenate(blocks, axis=1)


def _block(
    options: Options,
    truth: np.ndarray,
    forecast: np.ndarray,
    error: np.ndarray | None,
    naive: np.ndarray | None,
    quantiles: np.ndarray | None,
) -> np.ndarray:
    """Statistics of some steps ``[rows, steps, channels]``, in the order of ``_of_block``."""
    known = ~np.isnan(truth)
    y = np.where(known, truth, 0.0)
    f = np.where(known, forecast, 0.0)
    absolute = np.abs(y - f)
    each = [known, absolute, absolute**2, y, y**2, np.abs(y)]
    found = [part.sum(axis=(1, 2)) for part in each]
    windows = known.any(axis=1)
    found += [windows.sum(axis=1), _smape(y, f, known).sum(axis=1)]
    if error is not None:
        scaled = windows & np.isfinite(error) & (error > 0)
        found += [scaled.sum(axis=1), _mase(absolute, known, error, scaled)]
        if naive is not None:
            beside = windows & (np.isfinite(naive) | ~known).all(axis=1)
            for said in (f, np.where(known & beside[:, None], naive, 0.0)):
                found.append(np.where(beside, _smape(y, said, known), 0.0).sum(axis=1))
                found.append(_mase(np.abs(y - said), known, error, scaled & beside))
    if quantiles is not None:
        levels = np.array(options.levels)
        away = y[..., None] - quantiles
        pinball = np.maximum(levels * away, (levels - 1.0) * away) * known[..., None]
        inside = (quantiles[..., 0] <= y) & (y <= quantiles[..., -1]) & known
        found += [2.0 * pinball.sum(axis=(1, 2, 3)) / len(levels), inside.sum(axis=(1, 2))]
    per_channel = [part.sum(axis=1) for part in (known, y, y**2, f, f**2, y * f)]
    return np.concatenate([np.stack(found, axis=1), *per_channel], axis=1).astype(np.float64)


def _smape(y: np.ndarray, f: np.ndarray, known: np.ndarray) -> np.ndarray:
    """``[rows, channels]``, percent; 0 where nothing is known."""
    size = np.abs(y) + np.abs(f)
    shares = 200.0 * np.abs(y - f) / np.where(size > 0, size, 1.0)
    return shares.sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def _mase(
    absolute: np.ndarray, known: np.ndarray, error: np.ndarray, scaled: np.ndarray
) -> np.ndarray:
    """``[rows]``: summed over the channels that are ``scaled`` ``[rows, channels]``."""
    mean = absolute.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where(scaled, mean / np.where(scaled, error, 1.0), 0.0).sum(axis=1)


def summarise(options: Options, sums: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics from summed statistics.

    Args:
        options: the task's options.
        sums: float64 ``[..., statistics]``, sums over the same rows.

    Returns:
        by ``options.metric_names``, ``[...]``; NaN where there is nothing to judge by.
    """
    names = statistics(options)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: dict[str, np.ndarray] = {}
        for step in (None, *options.steps):
            part = {
                name: sums[..., names.index(metric_at(name, step))] for name in _of_block(options)
            }
            found |= {
                metric_at(name, step): value for name, value in _metrics(options, part).items()
            }
    return {name: found[name] for name in options.metric_names}


def _metrics(options: Options, part: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    known = np.where(part["known"] > 0, part["known"], np.nan)
    away = part["true_squared"] - part["true"] ** 2 / known
    varies = away > LEAST * part["true_squared"]
    found = {
        "mae": part["absolute"] / known,
        "rmse": np.sqrt(part["squared"] / known),
        "smape": part["smape"] / np.where(part["windows"] > 0, part["windows"], np.nan),
        "rse": np.sqrt(part["squared"] / np.where(varies, away, np.nan)),
        "corr": _correlation(options, part),
    }
    if options.seasonal_error is not None:
        scaled = np.where(part["scaled_windows"] > 0, part["scaled_windows"], np.nan)
        found["mase"] = part["mase"] / scaled
    if options.naive2 is not None:
        found["owa"] = 0.5 * sum(
            part[f"beside_naive2_{name}"]
            / np.where(part[f"naive2_{name}"] > 0, part[f"naive2_{name}"], np.nan)
            for name in ("smape", "mase")
        )
    if options.levels:
        found["weighted_quantile_loss"] = part["pinball"] / np.where(
            part["size"] > 0, part["size"], np.nan
        )
        found["coverage"] = part["covered"] / known
    return found


def _correlation(options: Options, part: Mapping[str, np.ndarray]) -> np.ndarray:
    found = []
    for place in range(options.width):
        count, y, yy, f, ff, yf = (part[f"{name}[{place}]"] for name in PER_CHANNEL)
        count = np.where(count > 0, count, np.nan)
        together = yf - y * f / count
        of_truth, of_forecast = yy - y**2 / count, ff - f**2 / count
        varies = of_truth > LEAST * yy
        moves = of_forecast > LEAST * ff
        product = np.sqrt(np.where(varies & moves, of_truth * of_forecast, 1.0))
        found.append(np.where(varies, np.where(moves, together / product, 0.0), np.nan))
    channels = np.stack(found)
    counted = np.isfinite(channels)
    total = np.where(counted, channels, 0.0).sum(axis=0)
    return total / np.where(counted.any(axis=0), counted.sum(axis=0), np.nan)
