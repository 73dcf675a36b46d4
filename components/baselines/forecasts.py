"""The baselines of a forecast: the last value, a line, the last season, and two that learn.

What learns reads each channel of a window by itself, scaled as the network scales it: a ridge
regression of the horizon on the last steps, and gradient-boosted trees that are also told how far
ahead a step lies.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV

from components.baselines.rows import Rows, Split
from models.baselines import forecasts
from models.options import graph_module
from models.tasks.forecast import Options
from models.tasks.forecast.layers import ScaledWindow

LONGEST = 336
"""Steps that a regression reads, at most."""
LONGEST_OF_TREES = 72
"""Steps that trees read, at most: their time goes with that."""
LARGEST = 50_000
"""Rows that trees learn from, at most: one for each channel and step of the horizon."""
ROUNDS = 100
STRENGTHS = (0.1, 1.0, 10.0, 100.0, 1000.0)
"""Of a regression's penalty, tried one after another."""


class Windows(NamedTuple):
    """The windows of a split, one row a window and channel, scaled.

    Attributes:
        tail: float32 ``[rows, steps]``: the last steps, 0 before the first.
        continued: float32 ``[rows, horizon]``: what the network's forecast is a residual of.
        location: float32 ``[rows, 1]``, original units.
        scale: float32 ``[rows, 1]``, original units.
    """

    tail: np.ndarray
    continued: np.ndarray
    location: np.ndarray
    scale: np.ndarray


def naive(method: str) -> Callable[[Rows], np.ndarray]:
    """``persistence``, ``drift`` or ``seasonal naive``, as ``models.baselines.forecasts`` has them.

    Returns:
        a function from the rows to forecasts of the test split, ``[rows, horizon, channels]``.
    """

    def forecast(rows: Rows) -> np.ndarray:
        task = rows.task
        assert isinstance(task, Options)
        found = []
        for context in rows.test.columns[task.context]:
            # As in the network, 0 goes on where nothing was known yet.
            context = np.nan_to_num(forecasts.carried_forward(context[:, list(task.channels)]))
            if method == "drift":
                found.append(forecasts.drift(context, task.horizon))
            elif method == "seasonal naive" and len(context) >= task.season:
                found.append(forecasts.seasonal_naive(context, task.horizon, task.season))
            else:
                found.append(forecasts.persistence(context, task.horizon))
        return np.stack(found)

    return forecast


def ridge(rows: Rows) -> np.ndarray:
    """Ridge regression of each step of the horizon on the last steps, as strong as leaving out one
    window of train at a time says is best.

    Returns:
        forecasts of the test split, ``[rows, horizon, channels]``.
    """
    task = rows.task
    assert isinstance(task, Options)
    steps = _steps(rows)
    train, test = windows(task, rows.train, steps), windows(task, rows.test, steps)
    wanted = scaled_truth(task, rows.train, train)
    model = RidgeCV(STRENGTHS)
    kept = np.isfinite(wanted).all(axis=1)
    model.fit(train.tail[kept], (wanted - train.continued)[kept])
    return in_original_units(task, test, model.predict(test.tail) + test.continued)


def trees(rows: Rows) -> np.ndarray:
    """Gradient-boosted trees that say one step of the horizon, and are told which.

    Returns:
        forecasts of the test split, ``[rows, horizon, channels]``.
    """
    task = rows.task
    assert isinstance(task, Options)
    steps = min(_steps(rows), LONGEST_OF_TREES)
    train, test = windows(task, rows.train, steps), windows(task, rows.test, steps)
    wanted = scaled_truth(task, rows.train, train) - train.continued
    random = np.random.default_rng(0)
    window = np.repeat(np.arange(len(wanted)), task.horizon)
    ahead = np.tile(np.arange(task.horizon), len(wanted))
    if len(window) > LARGEST:
        drawn = random.choice(len(window), LARGEST, replace=False)
        window, ahead = window[drawn], ahead[drawn]
    kept = np.isfinite(wanted[window, ahead])
    window, ahead = window[kept], ahead[kept]
    model = HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=ROUNDS, early_stopping=False, random_state=0
    )
    model.fit(_row_of(train, window, ahead), wanted[window, ahead])
    window = np.repeat(np.arange(len(test.tail)), task.horizon)
    ahead = np.tile(np.arange(task.horizon), len(test.tail))
    said = model.predict(_row_of(test, window, ahead)).reshape(-1, task.horizon)
    return in_original_units(task, test, said + test.continued)


def _row_of(found: Windows, window: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """What trees read of some windows and steps: the last steps, what goes on, and how far."""
    going_on = found.continued[window, ahead]
    return np.concatenate([found.tail[window], going_on[:, None], ahead[:, None]], axis=1)


def _steps(rows: Rows) -> int:
    assert isinstance(rows.task, Options)
    longest = max(len(context) for context in rows.train.columns[rows.task.context])
    return min(longest, LONGEST)


def windows(task: Options, split: Split, steps: int) -> Windows:
    """The windows of a split, scaled as the network scales them, whatever it makes of them."""
    contexts = split.columns[task.context]
    depth = contexts[0].shape[-1]
    # Only what the layer reads: of other options, some allow no linear map.
    scaled = Options(
        kind="forecast",
        horizon=task.horizon,
        channels=task.channels,
        scale=task.scaling,
        log=task.log,
        residual=task.residual,
        season=task.season,
        linear=steps,
    )
    layer = ScaledWindow(scaled.to_json(), depth)
    parts: list[list[np.ndarray]] = []
    for start in range(0, len(contexts), 1000):
        some = contexts[start : start + 1000]
        lengths = np.array([len(context) for context in some])
        values = np.zeros((len(some), lengths.max(), depth), np.float32)
        for row, context in enumerate(some):
            values[row, : len(context)] = context
        known = ~np.isnan(values)
        if not known.all():
            values = np.concatenate([np.where(known, values, 0.0), known], axis=-1)
        found = layer(values.astype(np.float32), lengths)
        going_on = keras.ops.transpose(found["continued"], (0, 2, 1))
        flat = (found["tail"], going_on, found["location"], found["scale"])
        widths = (steps, task.horizon, 1, 1)
        parts.append(
            [np.asarray(part).reshape(-1, width) for part, width in zip(flat, widths, strict=True)]
        )
    return Windows(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def scaled_truth(task: Options, split: Split, found: Windows) -> np.ndarray:
    """What follows each window and channel, ``[rows, horizon]`` scaled; NaN where unknown."""
    truth = np.stack([np.asarray(label) for label in split.labels])
    truth = truth.reshape(-1, task.horizon, task.width).transpose(0, 2, 1)
    truth = truth.reshape(-1, task.horizon)
    truth = np.log(truth) if task.log else truth
    return (truth - found.location) / found.scale


def in_original_units(task: Options, found: Windows, scaled: np.ndarray) -> np.ndarray:
    """Forecasts ``[rows * channels, horizon]`` as ``[rows, horizon, channels]``, original units."""
    values = scaled * found.scale + found.location
    values = np.exp(values) if task.log else values
    return values.reshape(-1, task.width, task.horizon).transpose(0, 2, 1)


def judged(rows: Rows, forecast: np.ndarray) -> dict[str, float]:
    """The task's metrics of forecasts of the test split, which are certain of themselves.

    Args:
        rows: the splits.
        forecast: ``[rows, horizon, channels]``, original units.
    """
    task = rows.task
    assert isinstance(task, Options)
    graph = graph_module("tasks", task.kind)
    targets = {
        name: np.stack([np.asarray(value, np.float64) for value in values])
        for name, values in rows.test.targets.items()
    }
    outputs = {"forecast": forecast}
    if task.levels:
        outputs["quantiles"] = np.repeat(forecast[..., None], len(task.levels), axis=-1)
    sums = graph.example_statistics(task, targets, outputs).sum(axis=0)
    return {name: float(value) for name, value in graph.summarise(task, sums).items()}
