"""The baselines of a forecast, on windows that one of them can say exactly."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from components.baselines import forecasts
from components.baselines.rows import Split
from models.features.series import Options as Series
from models.tasks.forecast import Options

HORIZON = 3


class Given:
    """Rows as a run would have them."""

    def __init__(self, task: Options, series: np.ndarray, lengths: list[int]) -> None:
        self.task = task
        contexts = [
            values[len(values) - HORIZON - length : -HORIZON].astype(np.float32)
            for values, length in zip(series, lengths, strict=True)
        ]
        labels = [values[-HORIZON:] for values in series]
        labels = [label[:, 0] if task.width == 1 else label for label in labels]
        self.train = self.test = Split([], {"context": contexts}, {"target": labels}, labels)


def task(depth: int = 1, **stated: Any) -> Options:
    context = Series(kind="series", scale="none", depth=depth, missing="mask")
    given = {"kind": "forecast", "horizon": HORIZON}
    return Options(**given | stated).bound({"context": context})


def test_plain_ones_are_the_formulas_of_a_context() -> None:
    series = np.array([[3.0, 5, 7, 9, 0, 0, 0], [1, 2, 1, 2, 0, 0, 0]])[..., None]
    rows = Given(task(season=2), series, [4, 4])
    assert forecasts.naive("persistence")(rows)[..., 0].tolist() == [[9, 9, 9], [2, 2, 2]]
    assert forecasts.naive("drift")(rows)[0, :, 0].tolist() == [11, 13, 15]
    assert forecasts.naive("seasonal naive")(rows)[..., 0].tolist() == [[7, 9, 7], [1, 2, 1]]
    short = Given(task(season=4), series, [4, 2])
    assert forecasts.naive("seasonal naive")(short)[1, :, 0].tolist() == [2, 2, 2]
    missing = series.copy()
    missing[0, 3] = np.nan
    rows = Given(task(), missing, [4, 4])
    assert forecasts.naive("persistence")(rows)[0, :, 0].tolist() == [7, 7, 7]


@pytest.mark.parametrize("stated", [{}, {"log": True}, {"scale": "standard", "head": "gaussian"}])
@pytest.mark.parametrize(
    "learner", [forecasts.ridge, pytest.param(forecasts.trees, marks=pytest.mark.slow)]
)
def test_those_that_learn_find_what_goes_on_in_scaled_windows(
    stated: dict[str, Any], learner: Callable
) -> None:
    """Geometric growth is the same in each window once it is scaled by itself."""
    random = np.random.default_rng(0)
    start, growth = random.uniform(1, 1000, (60, 1)), random.uniform(1.05, 1.2, (60, 1))
    series = (start * growth ** np.arange(12)[None, :])[..., None]
    rows = Given(task(**stated), series, [9] * 60)
    persistence = forecasts.judged(rows, forecasts.naive("persistence")(rows))
    assert set(persistence) == set(rows.task.metric_names)
    found = forecasts.judged(rows, learner(rows))
    assert found["smape"] < 0.5 * persistence["smape"]


@pytest.mark.parametrize(
    "stated",
    [
        {"decoding": "autoregressive", "head": "student_t"},
        {"head": "negative_binomial"},
        {"head": "quantiles", "quantiles": [0.5], "steps": [3], "metric": "mae_3"},
        {"season": 2, "residual": "seasonal"},
    ],
)
def test_those_that_learn_read_the_last_steps_whatever_the_network_reads(
    stated: dict[str, Any],
) -> None:
    series = np.array([[2.0, 4, 6, 8, 10, 0, 0, 0], [1, 1, 4, 1, 1, 0, 0, 0]])[..., None]
    rows = Given(task(**stated), series, [5, 3])
    found = forecasts.windows(rows.task, rows.test, 5)
    expected = [[2, 4, 6, 8, 10], [0, 0, 4, 1, 1]] / found.scale
    np.testing.assert_allclose(found.tail, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "learner", [forecasts.ridge, pytest.param(forecasts.trees, marks=pytest.mark.slow)]
)
def test_channels_stay_apart_and_unknown_truth_is_not_learnt_from(learner: Callable) -> None:
    random = np.random.default_rng(1)
    series = random.uniform(1, 9, (8, 10, 2)) * np.array([1.0, 1000.0])
    series[0, -1, 0] = np.nan
    rows = Given(task(2, missing="mask"), series, [7, 5, 7, 7, 7, 7, 7, 7])
    said = learner(rows)
    assert said.shape == (8, HORIZON, 2) and np.isfinite(said).all()
    assert (said[..., 0] < 40).all() and (said[..., 1] > 100).all()
    metrics = forecasts.judged(rows, forecasts.naive("persistence")(rows))
    assert np.isfinite(metrics["mae"])
