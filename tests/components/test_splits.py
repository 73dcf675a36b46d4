"""Splits by time, by ranges of a column, and what leaks between splits."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.ingest.assign import Cuts, cuts_of, split_of
from components.ingest.splits import SPLITS, SplitByColumn, SplitByTime
from components.ingest.times import time_number
from models.raw import RawError

KEYS = {"row": "digest", "id": None, "group": None}


def test_times_are_numbers_dates_or_moments() -> None:
    assert time_number("12.5", "t") == 12.5
    assert time_number("1970-01-02", "t") == 86_400.0
    assert time_number("1970-01-01T01:00:00+01:00", "t") == 0.0
    assert time_number("26541210", "t") == time_number(26541210, "t") == 26541210.0
    for wrong in ("yesterday", None, True, float("nan"), [1]):
        with pytest.raises(RawError, match="where a time is read"):
            time_number(wrong, "t")


@given(st.sets(st.integers(-1000, 1000), min_size=3), st.floats(0.0, 50.0))
def test_a_split_by_time_is_in_order_and_keeps_its_gap(times: set[int], gap: float) -> None:
    cuts = cuts_of(map(float, times), SplitByTime(by="time", train=0.6, validate=0.2, test=0.2))
    fallen = {time: cuts.split_of(time, gap) for time in times}
    ordered = [SPLITS.index(fallen[time]) for time in sorted(times) if fallen[time]]
    assert ordered == sorted(ordered)
    for time, split in fallen.items():
        if split == "train":
            assert time < cuts.validate - gap or (time < cuts.validate and gap == 0.0)
        if split is None:
            assert any(cut - gap <= time < cut for cut in cuts)


def test_shares_of_a_split_by_time_are_those_of_the_distinct_times() -> None:
    split = SplitByTime(by="time", train=0.6, validate=0.2, test=0.2)
    cuts = cuts_of([float(time) for time in range(100)], split)
    assert cuts == Cuts(60.0, 80.0)
    assert [cuts.split_of(time, 5.0) for time in (54, 55, 60, 74, 75, 80)] == [
        *("train", None, "validate", "validate", None, "test")
    ]


def test_stated_cuts_need_no_times() -> None:
    split = SplitByTime(by="time", validate_from="1970-01-03", test_from="1970-01-04", gap="1d")
    assert cuts_of([], split) == Cuts(172_800.0, 259_200.0)
    assert split.gap_size == 86_400.0
    with pytest.raises(ValueError, match="both, or neither"):
        SplitByTime(by="time", validate_from=3)
    with pytest.raises(ValueError, match="where a time is read"):
        SplitByTime(by="time", validate_from="soon", test_from="later")
    with pytest.raises(ValueError, match="lies before the test split"):
        SplitByTime(by="time", validate_from="1970-01-04", test_from="1970-01-03")
    unquoted = {"by": "time", "validate_from": date(1970, 1, 3), "test_from": date(1970, 1, 4)}
    assert cuts_of([], SplitByTime.model_validate(unquoted)) == Cuts(172_800.0, 259_200.0)
    with pytest.raises(ValueError, match="a duration such as"):
        SplitByTime(by="time", gap="soon")


def test_a_column_names_splits_by_lists_and_ranges() -> None:
    split = SplitByColumn(
        by="column", column="index", train="5-49", validate=["50", "x-y"], test="0-4"
    )
    came = [split_of({"index": value}, "all", KEYS, split) for value in (0, "4", 5, "49", "x-y")]
    assert came == ["test", "test", "train", "train", "validate"]
    with pytest.raises(RawError, match=r"column 'index' is '99'; the splits are train '5-49'"):
        split_of({"index": "99"}, "all", KEYS, split)


def test_a_share_of_the_named_train_rows_is_held_out() -> None:
    split = SplitByColumn(by="column", column="part", train="a", validate=0.3, test="b")
    fallen = [
        split_of({"part": "a"}, "all", KEYS | {"row": str(number)}, split) for number in range(2000)
    ]
    assert 0.25 < fallen.count("validate") / 2000 < 0.35 and "test" not in fallen
    assert split_of({"part": "b"}, "all", KEYS, split) == "test"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"train": "a", "test": "a"}, "has values of its own"),
        ({"validate": 1.5}, "or the share of the train rows"),
        ({"train": "0-9", "validate": "20", "test": "5-11"}, "has values of its own"),
        ({"train": "0-9", "validate": "3", "test": "10"}, "has values of its own"),
        ({"train": "9-0"}, "is empty; write it as 0-9"),
        ({"test": 0.5}, "a value of the column"),
        ({"train": []}, "a value of the column"),
    ],
)
def test_columns_that_name_no_splits(fields: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SplitByColumn.model_validate({"by": "column", "column": "part"} | fields)
