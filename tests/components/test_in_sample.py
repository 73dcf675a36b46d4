"""Figures of a series before its targets: seasonal error, Naive2, and the rows that hold them."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from components.ingest.in_sample import InSample, naive2
from components.ingest.options import data_class
from components.ingest.readers import timeseries


def rows(content: str, **stated: Any) -> list[dict[str, Any]]:
    options = data_class("timeseries")(path="/d/s.csv", format="timeseries", **stated)
    found = list(timeseries.rows(io.BytesIO(content.encode()), "/d/s.csv", options))
    return [dict(row.fields) for row in found if row.fields]


NUMBERS = st.floats(-1e3, 1e3, allow_nan=False) | st.none()


@settings(max_examples=40, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=30), st.integers(1, 6), st.data())
def test_the_seasonal_error_is_the_mean_difference_of_known_steps(
    values: list[float | None], season: int, data: st.DataObject
) -> None:
    history = InSample(season)
    for value in values:
        history.push([value])
    end = data.draw(st.integers(0, len(values)))
    pairs = zip(values[season:end], values[: max(end - season, 0)], strict=False)
    differences = [abs(a - b) for a, b in pairs if a is not None and b is not None]
    found = history.seasonal_error(end)
    assert found == (pytest.approx(np.mean(differences)) if differences else None)


def test_naive2_puts_a_multiplicative_season_back() -> None:
    pattern = np.array([0.5, 1.0, 1.5, 1.0])
    series = 100.0 * np.tile(pattern, 10)
    assert naive2(series, 6, 4) == pytest.approx(100.0 * np.tile(pattern, 2)[:6])
    # The level that the last value shows goes on, in the season's proportions.
    series[-1] *= 2.0
    assert naive2(series, 4, 4) / 200.0 == pytest.approx(pattern, rel=0.1)


def test_naive2_is_additive_where_numbers_are_not_all_above_0() -> None:
    pattern = np.array([-1.0, 0.0, 2.0])
    series = np.tile(pattern, 9)
    assert naive2(series, 4, 3) == pytest.approx([-1.0, 0.0, 2.0, -1.0])


@pytest.mark.parametrize(
    "series",
    [
        np.array([1.0, 5.0, 1.0, 5.0, 1.0]),  # Shorter than three seasons of 2.
        np.full(20, 3.0),
        np.arange(20.0) % 7,  # A season of 7, where 2 is looked for.
    ],
)
def test_naive2_without_a_significant_season_is_the_last_value(series: np.ndarray) -> None:
    assert naive2(series, 3, 2) == pytest.approx([series[-1]] * 3)


def test_naive2_goes_on_from_what_was_known() -> None:
    history = InSample(1)
    for value in (None, 4.0, None):
        history.push([value])
    assert history.naive2(3, 2) == [4.0, 4.0]
    assert history.naive2(1, 2) == [None, None]


def test_rows_hold_figures_of_what_came_before_their_target() -> None:
    content = "x\n1\n2\n4\n7\n11\n16\n"
    stated = {"layout": "wide", "context": 2, "horizon": 1, "season": 1, "naive2": True}
    found = rows(content, **stated)
    assert [row["target"] for row in found] == [[4.0], [7.0], [11.0], [16.0]]
    assert [row["seasonal_error"] for row in found] == pytest.approx([1.0, 1.5, 2.0, 2.5])
    assert [row["naive2"] for row in found] == [[2.0], [4.0], [7.0], [11.0]]
    held_out = rows(
        content,
        **stated,
        hold_out_ends=True,
        split={"by": "column", "column": "part"},
    )
    figures = {row["part"]: row["seasonal_error"] for row in held_out}
    assert figures == pytest.approx({"train": 1.5, "validate": 2.0, "test": 2.5})


def test_several_channels_have_figures_each_and_a_bad_step_begins_anew() -> None:
    content = "a,b\n1,10\n2,30\n4,10\nbad,1\n5,5\n6,5\n7,6\n"
    stated = {"layout": "wide", "context": 1, "horizon": 1, "season": 1, "naive2": True}
    found = rows(content, **stated)
    assert [row["seasonal_error"] for row in found] == [
        [None, None],
        [1.0, 20.0],
        [None, None],
        [1.0, 0.0],
    ]
    assert found[-1]["naive2"] == [[6.0, 5.0]]
    (first, *_) = rows(content, **stated, targets=["b"])
    assert (first["target"], first["naive2"]) == ([30.0], [10.0])


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"season": 2}, "season is of windows"),
        ({"season": 2, "context": 3}, "season needs horizon"),
        ({"naive2": True, "context": 3, "horizon": 1}, "naive2 needs season"),
        ({"known": ["naive2"], "context": 3, "horizon": 1}, "is what the reader calls a field"),
    ],
)
def test_options_that_do_not_go_together_are_refused(stated: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        data_class("timeseries")(path="/d/s.csv", format="timeseries", layout="wide", **stated)
