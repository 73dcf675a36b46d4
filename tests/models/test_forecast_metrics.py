"""A forecast's metrics: sums over windows are the formulas, with values missing and at steps."""

from typing import Any

import numpy as np
import pytest

from models.tasks.forecast import Options
from models.tasks.forecast.metrics import example_statistics, statistics, summarise

ROWS, HORIZON, CHANNELS = 40, 5, 3


def task(channels: int = CHANNELS, **stated: Any) -> Options:
    given = {"kind": "forecast", "horizon": HORIZON, "channels": tuple(range(channels))}
    return Options(**given | stated)


def judged(
    options: Options, targets: dict[str, np.ndarray], outputs: dict[str, np.ndarray]
) -> dict[str, float]:
    """Metrics from sums of parts, as workers merge them."""
    halves = [
        example_statistics(
            options,
            {name: value[part] for name, value in targets.items()},
            {name: value[part] for name, value in outputs.items()},
        )
        for part in (slice(0, 2), slice(2, None))
    ]
    assert halves[0].shape == (2, len(statistics(options))) and halves[0].dtype == np.float64
    sums = np.concatenate(halves).sum(axis=0)
    found = summarise(options, np.stack([sums, sums]))
    assert tuple(found) == options.metric_names
    return {name: float(value[0]) for name, value in found.items()}


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    y = 10.0 * np.arange(1, CHANNELS + 1) + random.normal(size=(ROWS, HORIZON, CHANNELS))
    quantiles = y[..., None] + np.sort(random.normal(size=(*y.shape, 3)), axis=-1)
    return {
        "y": y,
        "quantiles": quantiles,
        "f": quantiles[..., 1],
        "s": random.uniform(0.5, 2.0, (ROWS, CHANNELS)),
        "n": y + random.normal(size=y.shape),
    }


def by_formula(drawn: dict[str, np.ndarray], steps: slice) -> dict[str, float]:
    y, f, n = (drawn[name][:, steps] for name in "yfn")
    q, s = drawn["quantiles"][:, steps], drawn["s"]
    error = np.abs(y - f)

    def smape(f: np.ndarray) -> float:
        return (200.0 * np.abs(y - f) / (np.abs(y) + np.abs(f))).mean()

    def mase(f: np.ndarray) -> float:
        return (np.abs(y - f).mean(axis=1) / s).mean()

    correlations = [
        np.corrcoef(y[..., c].ravel(), f[..., c].ravel())[0, 1] for c in range(CHANNELS)
    ]
    pinball = 0.0
    for place, level in enumerate((0.1, 0.5, 0.9)):
        away = y - q[..., place]
        pinball += np.where(away > 0, level * away, (level - 1) * away).sum()
    return {
        "mae": error.mean(),
        "rmse": np.sqrt((error**2).mean()),
        "smape": smape(f),
        "rse": np.sqrt((error**2).sum() / ((y - y.mean()) ** 2).sum()),
        "corr": np.mean(correlations),
        "mase": mase(f),
        "owa": 0.5 * (smape(f) / smape(n) + mase(f) / mase(n)),
        "weighted_quantile_loss": 2.0 * pinball / np.abs(y).sum() / 3,
        "coverage": ((q[..., 0] <= y) & (y <= q[..., -1])).mean(),
    }


def test_metrics_are_the_formulas_over_all_steps_and_at_single_ones(
    drawn: dict[str, np.ndarray],
) -> None:
    options = task(seasonal_error="s", naive2="n", head="quantiles", steps=[1, 4])
    found = judged(
        options,
        {"target": drawn["y"], "s": drawn["s"], "n": drawn["n"]},
        {"forecast": drawn["f"], "quantiles": drawn["quantiles"]},
    )
    expected = by_formula(drawn, slice(None))
    for step in (1, 4):
        single = by_formula(drawn, slice(step - 1, step))
        expected |= {f"{name}_{step}": value for name, value in single.items()}
    assert found == pytest.approx(expected)


def test_values_that_are_missing_do_not_count(drawn: dict[str, np.ndarray]) -> None:
    options = task(missing="mask", seasonal_error="s")
    y = drawn["y"].copy()
    y[:, 3:] = np.nan
    y[5] = np.nan
    found = judged(options, {"target": y, "s": drawn["s"]}, {"forecast": drawn["f"]})
    kept = {
        name: np.delete(value, 5, axis=0)[:, :3] if value.ndim > 2 else np.delete(value, 5, axis=0)
        for name, value in drawn.items()
    }
    expected = by_formula(kept, slice(None))
    assert found == pytest.approx({name: expected[name] for name in options.metric_names})


def test_a_window_without_a_seasonal_error_has_no_mase() -> None:
    options = task(1, seasonal_error="s")
    y = np.ones((4, HORIZON))
    found = judged(
        options,
        {"target": y, "s": np.array([0.0, np.nan, 2.0, 1.0])},
        {"forecast": y + np.array([[9.0], [9.0], [1.0], [1.0]])},
    )
    assert found["mase"] == pytest.approx((1.0 / 2.0 + 1.0 / 1.0) / 2)
    nothing = judged(
        options, {"target": y, "s": np.zeros(4)}, {"forecast": np.full((4, HORIZON), 2.0)}
    )
    assert np.isnan([nothing["mase"], nothing["rse"], nothing["corr"]]).all()
    assert nothing["mae"] == 1.0


def test_a_window_without_naive2_does_not_count_in_owa(drawn: dict[str, np.ndarray]) -> None:
    options = task(seasonal_error="s", naive2="n", steps=[1])
    naive = drawn["n"].copy()
    naive[3] = np.nan  # Nothing was known before.
    naive[4, 2:] = np.nan
    targets = {"target": drawn["y"], "s": drawn["s"], "n": naive}
    found = judged(options, targets, {"forecast": drawn["f"]})
    kept = {name: np.delete(value, [3, 4], axis=0) for name, value in drawn.items()}
    assert found["owa"] == pytest.approx(by_formula(kept, slice(None))["owa"])
    assert found["mase"] == pytest.approx(by_formula(drawn, slice(None))["mase"])
    kept = {name: np.delete(value, 3, axis=0) for name, value in drawn.items()}
    assert found["owa_1"] == pytest.approx(by_formula(kept, slice(0, 1))["owa"])
    nothing = targets | {"n": np.full_like(naive, np.nan)}
    assert np.isnan(judged(options, nothing, {"forecast": drawn["f"]})["owa"])


@pytest.mark.parametrize("value", [0.1, -1234.5678, 0.0])
def test_the_truth_of_a_constant_has_no_spread_to_be_in_units_of(value: float) -> None:
    y = np.full((9, HORIZON), value)
    found = judged(task(1), {"target": y}, {"forecast": y + 0.5})
    assert np.isnan(found["rse"]) and found["mae"] == pytest.approx(0.5)


def test_zero_forecast_as_zero_is_no_error_and_a_constant_forecast_tells_nothing() -> None:
    options = task(1)
    zero = np.zeros((3, HORIZON))
    assert judged(options, {"target": zero}, {"forecast": zero})["smape"] == 0.0
    y = np.arange(3.0 * HORIZON).reshape(3, HORIZON)
    found = judged(options, {"target": y}, {"forecast": np.full((3, HORIZON), 1e6)})
    assert found["corr"] == 0.0
    assert judged(options, {"target": y}, {"forecast": 2 * y + 1})["corr"] == pytest.approx(1.0)


def test_channels_that_do_not_vary_are_left_out_of_corr() -> None:
    options = task(2)
    y = np.stack([np.arange(3.0 * HORIZON).reshape(3, HORIZON), np.full((3, HORIZON), 7.0)], -1)
    assert judged(options, {"target": y}, {"forecast": y})["corr"] == pytest.approx(1.0)


def test_without_any_row_there_is_no_metric() -> None:
    options = task(head="gaussian")
    found = summarise(options, np.zeros(len(statistics(options))))
    assert all(np.isnan(value) for value in found.values())
