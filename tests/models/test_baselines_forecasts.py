"""Forecasts without learning, against the formulas step by step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.baselines.forecasts import carried_forward, drift, persistence, seasonal_naive


def by_formula(y: np.ndarray, horizon: int, season: int) -> dict[str, list[np.ndarray]]:
    """``y`` is ``[T, channels]``; steps count from one, as in the book."""
    steps = len(y)
    at = dict(enumerate(y, 1))
    ahead = range(1, horizon + 1)
    slope = (at[steps] - at[1]) / (steps - 1) if steps > 1 else 0.0
    return {
        "persistence": [at[steps] for _ in ahead],
        "drift": [at[steps] + h * slope for h in ahead],
        "seasonal": [at[steps + h - season * ((h - 1) // season + 1)] for h in ahead],
    }


@given(st.data())
def test_forecasts_are_the_formulas_whatever_the_padding(data: st.DataObject) -> None:
    season, channels = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    horizon = data.draw(st.integers(1, 11))
    lengths = np.array(data.draw(st.lists(st.integers(season, 9), min_size=1, max_size=4)))
    random = np.random.default_rng(data.draw(st.integers(0, 999)))
    context = random.normal(size=(len(lengths), lengths.max() + 2, channels))
    context[np.arange(context.shape[1])[None, :] >= lengths[:, None]] = np.nan
    found = {
        "persistence": persistence(context, horizon, lengths),
        "drift": drift(context, horizon, lengths),
        "seasonal": seasonal_naive(context, horizon, season, lengths),
    }
    for row, length in enumerate(lengths):
        for name, expected in by_formula(context[row, :length], horizon, season).items():
            np.testing.assert_allclose(found[name][row], np.stack(expected), rtol=1e-12, atol=1e-12)


def test_a_line_drifts_on_and_a_wave_repeats_in_a_single_row() -> None:
    line = np.arange(5)[:, None] * [1, -2]
    assert drift(line, 2).tolist() == [[5, -10], [6, -12]]
    assert persistence(line, 2).tolist() == [[4, -8], [4, -8]]
    wave = np.array([0, 1, 2, 0, 1, 2])[:, None]
    assert seasonal_naive(wave, 7, 3).ravel().tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert seasonal_naive(wave, 1, 6).tolist() == [[0]]
    assert drift(line[:1], 3).tolist() == [[0, 0]] * 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: persistence(np.zeros(3), 1), r"\[3\] came; it is"),
        (lambda: drift(np.zeros((3, 1)), 0), "horizon is 0"),
        (lambda: persistence(np.zeros((0, 1)), 1), "lengths 0 to 0 came"),
        (lambda: persistence(np.zeros((2, 3, 1)), 1, np.array([1, 4])), "1 to 4 came for 3"),
        (lambda: persistence(np.zeros((2, 3, 1)), 1, np.array([1])), r"\[1\] came for rows \[2\]"),
        (lambda: seasonal_naive(np.zeros((3, 1)), 1, 4), "3 steps came, shorter than a season"),
        (lambda: seasonal_naive(np.zeros((3, 1)), 1, 0), "season is 0"),
    ],
)
def test_what_cannot_be_forecast_is_refused(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_the_last_known_value_goes_on() -> None:
    missing = np.nan
    values = np.array([missing, 3.0, missing, missing, 5.0])
    np.testing.assert_array_equal(carried_forward(values), [missing, 3, 3, 3, 5])
    both = np.stack([values, values[::-1]], axis=1)
    np.testing.assert_array_equal(carried_forward(both)[:, 1], [5, 5, 5, 3, 3])
    assert carried_forward(values[:0]).shape == (0,)
