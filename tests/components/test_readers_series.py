"""The reader of time series: layouts, windows, what is held out, and what is a bad step."""

import gzip
import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from components.errors import DataError
from components.ingest import records
from components.ingest.options import DataOptions, data_class
from components.ingest.parts import companions, read_part
from components.ingest.readers import timeseries
from components.ingest.rows import Row

BY_PART = {"by": "column", "column": "part"}


def options(path: str = "/d/s.csv", **stated: Any) -> DataOptions:
    given = data_class("timeseries")(path=path, format="timeseries", **stated)
    assert type(given).model_validate_json(given.to_json()) == given
    return given


def read(content: bytes | str, **stated: Any) -> list[Row]:
    content = content.encode() if isinstance(content, str) else content
    return list(timeseries.rows(io.BytesIO(content), "/d/s.csv", options(**stated)))


def fields(rows: list[Row]) -> list[dict[str, Any]]:
    assert all(row.problem is None and row.skipped is None for row in rows), rows
    return [dict(row.fields) for row in rows]


def problems(content: bytes | str, **stated: Any) -> list[str]:
    return [f"{row.line}: {row.problem}" for row in read(content, **stated) if row.problem]


WIDE = "day,a,b,holiday\n1,1,10,x\n2,2,20,\n3,3,30,x\n4,4,40,y\n"


def test_wide_is_one_series_of_channels() -> None:
    stated = {"layout": "wide", "timestamps": "day", "known": ["holiday"]}
    (row,) = fields(read(WIDE, **stated))
    assert row == {
        "series": "s.csv",
        "start": "1",
        "values": [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]],
        "holiday": ["x", None, "x", "y"],
    }
    first, second = read(WIDE, **stated, context=2, horizon=1, targets=["b"])
    assert fields([first, second])[1] == {
        "series": "s.csv",
        "start": "2",
        "target_time": "4",
        "context": [[2.0, 20.0], [3.0, 30.0]],
        "target": [40.0],
        "holiday": [None, "x", "y"],
    }
    assert (first.line, second.line) == (2, 3)
    assert tuple(second.window) == ("s.csv:s.csv", 1, 3, 4)


def test_wide_without_header_and_times_counts_columns_from_1_and_steps_from_0() -> None:
    rows = read("1,10\n2,20\n3,30\n", layout="wide", header=False, values=[2], context=1, horizon=1)
    assert fields(rows) == [
        {"series": "s.csv", "start": 0, "target_time": 1, "context": [10.0], "target": [20.0]},
        {"series": "s.csv", "start": 1, "target_time": 2, "context": [20.0], "target": [30.0]},
    ]


def test_every_column_of_wide_can_be_a_series() -> None:
    stated = {"layout": "wide", "timestamps": "day", "known": ["holiday"], "each_column": "series"}
    first, second = fields(read(WIDE, **stated))
    assert first["series"] == "a" and first["values"] == [1.0, 2.0, 3.0, 4.0]
    assert second["series"] == "b" and second["holiday"] == ["x", None, "x", "y"]
    windows = read(WIDE.replace("30", "bad"), **stated, context=1, horizon=1)
    assert [row.fields["series"] for row in windows if row.window] == ["a", "b", "a", "a"]
    assert len([row for row in windows if row.problem]) == 1


LONG = "id,t,x,label\na,1,1,up\na,2,2,up\na,3,3,up\nb,1,9,down\nb,2,8,down\n"


def test_long_is_a_series_a_row_or_windows_of_each() -> None:
    stated = {"layout": "long", "series": "id", "timestamps": "t", "static": ["label"]}
    assert fields(read(LONG, **stated)) == [
        {"series": "a", "start": "1", "label": "up", "values": [1.0, 2.0, 3.0]},
        {"series": "b", "start": "1", "label": "down", "values": [9.0, 8.0]},
    ]
    windows = fields(read(LONG, **stated, context=2))
    assert [window["context"] for window in windows] == [[1.0, 2.0], [2.0, 3.0], [9.0, 8.0]]
    assert windows[2]["label"] == "down" and "target" not in windows[2]


def test_interleaved_series_are_a_problem_or_sorted() -> None:
    content = "id,t,x\na,1,1\nb,2,9\na,2,2\nb,1,8\n"
    stated = {"layout": "long", "series": "id", "timestamps": "t"}
    (said, *_) = problems(content, **stated)
    assert said == (
        "4: series 'a' goes on here, but others came since its line 2 (write order: sort, or sort "
        "the file by series)"
    )
    rows = fields(read(content, **stated, order="sort"))
    assert [(row["series"], row["values"]) for row in rows] == [
        ("a", [1.0, 2.0]),
        ("b", [8.0, 9.0]),
    ]


RAGGED = 'id,v1,v2,v3,v4\n"s1",1,2,3,\n"s2",5,6,,\n'


def test_rows_are_ragged_to_the_right() -> None:
    assert fields(read(RAGGED, layout="rows", series="id")) == [
        {"series": "s1", "start": 0, "values": [1.0, 2.0, 3.0]},
        {"series": "s2", "start": 0, "values": [5.0, 6.0]},
    ]
    unnamed = "walk  1 2\nrun 3\n"
    stated = {"layout": "rows", "header": False, "delimiter": "blanks", "static": [1]}
    assert fields(read(unnamed, **stated)) == [
        {"series": "s.csv:1", "start": 0, "1": "walk", "values": [1.0, 2.0]},
        {"series": "s.csv:2", "start": 0, "1": "run", "values": [3.0]},
    ]


def test_windows_start_a_stride_apart() -> None:
    content = "x\n" + "\n".join(map(str, range(10)))
    rows = fields(read(content, layout="wide", context=3, horizon=2, stride=3))
    assert [row["start"] for row in rows] == [0, 3]


def test_a_series_too_short_is_counted_or_has_less_context() -> None:
    (skipped,) = read("x\n1\n2\n3\n", layout="wide", context=3, horizon=2)
    assert (
        skipped.skipped and "too short for one window (context 3 and horizon 2)" in skipped.skipped
    )
    (row,) = read("x\n1\n2\n3\n", layout="wide", context=3, horizon=2, short="shorten")
    assert row.fields["context"] == [1.0] and row.fields["target"] == [2.0, 3.0]
    assert tuple(row.window) == ("s.csv:s.csv", 0, 1, 3)


def check_parts(rows: list[Row], steps: int, horizon: int) -> None:
    """No window is judged by a step that an earlier split holds."""
    for row in rows:
        part = row.fields["part"]
        if part == "test":
            assert row.window.targets == steps - horizon and row.window.end == steps
        if part == "validate":
            assert row.window.targets == steps - 2 * horizon and row.window.end == steps - horizon
        if part == "train":
            assert row.window.end <= steps - 2 * horizon


@pytest.mark.parametrize("stride", [1, 2, 7])
def test_the_ends_of_each_series_are_held_out(stride: int) -> None:
    content = "x\n" + "\n".join(map(str, range(20)))
    stated = {"context": 3, "horizon": 2, "stride": stride, "split": BY_PART}
    rows = read(content, layout="wide", hold_out_ends=True, **stated)
    assert all(row.skipped is None for row in rows)
    assert [row.fields["part"] for row in rows[-2:]] == ["validate", "test"]
    assert len(rows) - 2 == len(range(0, 16 - 5 + 1, stride))
    check_parts(rows, 20, 2)


def test_a_series_too_short_for_a_part_says_for_which() -> None:
    stated = {"context": 3, "horizon": 2, "hold_out_ends": True, "split": BY_PART}
    content = "x\n" + "\n".join(map(str, range(6)))
    train, validate, test = read(content, layout="wide", **stated)
    assert "a window of train" in train.skipped and "a window of validate" in validate.skipped
    assert test.fields["context"] == [1.0, 2.0, 3.0]
    shorter = read(content, layout="wide", short="shorten", **stated)
    assert [row.fields["part"] for row in shorter if not row.skipped] == ["validate", "test"]
    assert shorter[1].fields["context"] == [0.0, 1.0]


def test_the_steps_that_follow_are_in_another_file(tmp_path: Path) -> None:
    path, other = tmp_path / "train.csv", tmp_path / "test.csv.gz"
    path.write_text("id,1,2,3,4,5,6,7\na,0,1,2,3,4,5,6\nb,0,1,2,3,4,5,\n")
    other.write_bytes(gzip.compress(b"id,1,2,3\na,7,8,9\nb,6,7\n"))
    given = options(
        str(path), layout="rows", series="id", context=2, horizon=2, split=BY_PART,
        future="test.csv.gz",
    )  # fmt: skip
    assert companions(str(path), given) == [str(other)]
    rows = list(read_part(str(path), given))
    found = [(row.fields["series"], row.fields["part"], row.fields["target"]) for row in rows]
    assert [(part, target) for name, part, target in found if name == "b"] == [
        ("train", [2.0, 3.0]),
        ("validate", [4.0, 5.0]),
        ("test", [6.0, 7.0]),
    ]
    check_parts([row for row in rows if row.fields["series"] == "a"], 9, 2)
    other.write_bytes(gzip.compress(b"id,1,2,3\na,7\nc,6,7\n"))
    said = [row.problem for row in read_part(str(path), given) if row.problem]
    assert said[0].startswith("series 'a': test.csv.gz holds 1 of its steps, where horizon: 2")
    assert said[1].startswith("series 'b': test.csv.gz holds 0 of its steps")
    assert said[2].startswith("series 'c' of test.csv.gz: train.csv holds no such series")
    other.write_bytes(gzip.compress(b"id,1,2,3\na,7,x\n"))
    with pytest.raises(DataError, match=r"test\.csv\.gz:2: column '3' is 'x', where a number"):
        list(read_part(str(path), given))
    other.unlink()
    with pytest.raises(DataError, match=r"test\.csv\.gz: cannot be read \(data.future\)"):
        list(read_part(str(path), given))


def test_no_window_holds_a_bad_step() -> None:
    content = "x\n1\n2\noops\n4\n5\n6\n"
    bad, *windows = [
        r for r in read(content, layout="wide", context=1, horizon=1) if r.window or r.problem
    ]
    rows = read(content, layout="wide", context=1, horizon=1)
    assert [row.fields["context"] + row.fields["target"] for row in rows if row.window] == [
        [1.0, 2.0],
        [4.0, 5.0],
        [5.0, 6.0],
    ]
    (said,) = [row for row in rows if row.problem]
    assert said.line == 4 and said.came == "oops" and bad.window and len(windows) == 3
    assert [tuple(row.window)[1:] for row in rows if row.window][1] == (3, 4, 5)
    (whole,) = read(content, layout="wide")
    assert whole.line == 2
    assert whole.problem == (
        "series 's.csv': line 4: column 'x' is 'oops', where a number is read (correct it, or do "
        "not name the column among the values)"
    )


LONG_OPTIONS = {"layout": "long", "series": "id", "timestamps": "t", "context": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "id,t,x\na,1,1\na,1,2\n",
            "3: series 'a': time '1' doubles '1' of line 2, and time only rises",
        ),
        (
            "id,t,x\na,2026-01-02,1\na,2026-01-01,2\n",
            "3: series 'a': time '2026-01-01' comes before '2026-01-02' of line 2, and time only",
        ),
        ("id,t,x\na,soon,1\n", "2: field 't': 'soon' came, where a time is read"),
        ("id,t,x\n,1,1\n", "2: column 'id' (data.series) is empty"),
        ("id,t,x\na,1\n", "2: has 2 cells, where 3 columns are read"),
        ("id,t,x\na,1,1,1\n", "2: has 4 cells, where 3 columns are read"),
        ('id,t,x\na,1,"1,234"\n', "2: column 'x' is '1,234', where a number is read (no mark"),
        ("id,t,x\na,1,NaN\n", "2: column 'x' is 'NaN', where a number is read (missing: keep"),
        ("id,t,x\na,1,\n", "2: column 'x' is '', where a number is read (missing: keep"),
        ("id,t,x\na,1,-inf\n", "2: column 'x' is '-inf', which no network can read"),
        ("id,t,x\na,1,1e39\n", "2: column 'x' is '1e39', beyond the numbers of a network"),
        ("id,t,x\na,1,1_0\n", "2: column 'x' is '1_0', where a number is read"),
        ("id,t,x\na,1,1\0\n", "2: cell 3 holds a NUL byte"),
        (b"id,t,x\na\xff,1,1\n", "2: cell 1 holds bytes that are not UTF-8"),
        ('id,t,x\na,1,"1"2\n', "2: not valid CSV"),
    ],
)
def test_bad_lines_are_problems(content: bytes | str, said: str) -> None:
    (problem,) = problems(content, **LONG_OPTIONS)
    assert problem.startswith(said)


def test_a_column_that_changes_within_a_series_is_a_problem() -> None:
    content = LONG.replace("a,2,2,up", "a,2,2,down")
    (said,) = problems(content, layout="long", series="id", static=["label", "t"][:1], known=["t"])
    assert said.startswith(
        "2: series 'a': line 3: series 'a': column 'label' is 'down', but 'up' in"
    )


def test_missing_numbers_are_kept_where_the_experiment_says_so() -> None:
    (row,) = fields(read("x,y\n1,\nNA,2\n", layout="wide", missing="keep"))
    assert row["values"] == [[1.0, None], [None, 2.0]]


def test_decimal_commas_are_read_where_the_experiment_says_so() -> None:
    stated = {"layout": "wide", "decimal": ",", "delimiter": ";"}
    assert fields(read("x;y\n1,5;2\n", **stated))[0]["values"] == [[1.5, 2.0]]
    (said,) = problems("x;y\n1.5;2\n", **stated)
    assert "where a number with a decimal comma is read" in said


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_and_a_byte_order_mark_are_read(end: str) -> None:
    content = "\ufeffx,y" + end + end.join(["1,2", "", "3,4"]) + "\r\n"
    assert fields(read(content, layout="wide"))[0]["values"] == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("content", "stated", "said"),
    [
        ("", {}, "s.csv: the file is empty"),
        ("x,x\n1,2\n", {}, "s.csv:1: the header names 'x' twice"),
        ("1,2\n3,4\n", {}, "s.csv:1: the first line holds numbers, where a header names"),
        ("\xff\n1\n".encode("latin-1"), {}, "s.csv:1: the first line cannot be read: cell 1"),
        ("x;y\n1;2\n", {}, "s.csv:1: the first line is one cell with ';' in it (write delimiter"),
        ("1 2\n3 4\n", {"header": False}, "s.csv:1: the first line is one cell with blanks in it"),
        (
            "x,y\n1,2\n",
            {"values": ["z"]},
            "s.csv:1: no column 'z' (data.values); the columns are x",
        ),
        ("x\n1\n", {"timestamps": "x"}, "s.csv:1: no column is left for values"),
    ],
)
def test_files_that_cannot_be_read_are_refused(content: str, stated: Any, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read(content, **{"layout": "wide", **stated})
    assert said in str(caught.value)


def test_a_line_of_ten_megabytes_is_read_and_a_longer_one_refused(monkeypatch: Any) -> None:
    number = "0" * 10_000_000 + "1"
    assert fields(read(f"x\n{number}\n", layout="wide"))[0]["values"] == [1.0]
    monkeypatch.setattr(records, "MAX_FIELD_BYTES", 100)
    with pytest.raises(DataError, match="holds a line of more than"):
        read("x\n" + "1" * 101 + "\n", layout="wide")


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"layout": "long"}, "layout: long needs series"),
        ({"layout": "wide", "series": "a"}, "series: layout: wide has none"),
        ({"layout": "rows", "values": ["a"]}, "values: layout: rows has none"),
        ({"layout": "wide", "horizon": 2}, "horizon is of windows: state context"),
        ({"layout": "wide", "context": 2, "targets": ["a"]}, "targets needs horizon"),
        (
            {"layout": "wide", "values": ["a"], "known": ["a"]},
            "'a' is named by known and by values",
        ),
        ({"layout": "wide", "known": ["start"]}, "'start' is what the reader calls a field of its"),
        ({"layout": "wide", "order": "sort"}, "order: sort needs timestamps"),
        ({"layout": "wide", "delimiter": "ab"}, "'ab' came; one character"),
        ({"layout": "wide", "decimal": ","}, "decimal: ',' needs a delimiter that is no comma"),
        ({"layout": "wide", "columns": ["a", "a"]}, "columns names 'a' twice"),
        (
            {"layout": "wide", "context": 2, "horizon": 1, "hold_out_ends": True},
            "write split: {by: column, column: part}",
        ),
        (
            {"layout": "wide", "each_column": "series", "static": ["a"]},
            "each_column: series has no static: and no targets: columns",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(stated: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        options(**stated)
    assert said in str(caught.value)


PIECES = st.lists(
    st.sampled_from([b"1", b"2.5", b",", b"\n", b"\r\n", b'"', b"\x00", b"\xff", b"a", b";", b" "])
    | st.binary(max_size=4),
    max_size=40,
).map(b"".join)
LAYOUTS = [
    {"layout": "wide", "header": False},
    {"layout": "wide", "timestamps": "a", "context": 2, "horizon": 1, "order": "sort"},
    {"layout": "long", "series": "a", "context": 1, "horizon": 1, "short": "shorten"},
    {"layout": "rows", "series": 1, "header": False, "missing": "keep"},
    {"layout": "wide", "context": 1, "horizon": 1, "hold_out_ends": True, "split": BY_PART},
    {"layout": "rows", "header": False, "delimiter": "blanks", "context": 2},
]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(LAYOUTS), st.booleans(), PIECES)
def test_arbitrary_bytes_are_rows_or_a_data_error(stated, headed: bool, content: bytes) -> None:
    try:
        rows = read(b"a,b,c\n" + content if headed else content, **stated)
    except DataError as error:
        assert str(error).startswith("/d/s.csv")
        return
    for row in rows:
        assert row.line >= 1
        assert row.problem or row.skipped or row.fields["series"] is not None


@settings(max_examples=60, deadline=None)
@given(
    steps=st.integers(1, 30),
    context=st.integers(1, 4),
    horizon=st.integers(1, 3),
    stride=st.integers(1, 5),
    shorten=st.booleans(),
)
def test_windows_are_where_they_say(steps, context, horizon, stride, shorten) -> None:
    content = "x\n" + "".join(f"{step}\n" for step in range(steps))
    stated = {"layout": "wide", "context": context, "horizon": horizon, "stride": stride}
    stated["short"] = "shorten" if shorten else "skip"
    held_out = read(content, **stated, hold_out_ends=True, split=BY_PART)
    for rows in (read(content, **stated), held_out):
        for row in [row for row in rows if row.window]:
            window = row.window
            numbers = row.fields["context"] + row.fields["target"]
            assert numbers == [float(step) for step in range(window.start, window.end)]
            assert window.end - window.targets == horizon
            assert window.targets - window.start == context or shorten
            assert row.fields["target_time"] == window.targets
    check_parts([row for row in held_out if row.window], steps, horizon)
    starts = [row.window.start for row in read(content, **stated) if row.window]
    assert all(later - earlier == stride for earlier, later in pairwise(starts))


def test_a_truncated_file_gives_its_rows_and_says_where_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "s.csv.gz"
    content = "x\n" + "".join(f"{step}\n" for step in range(50_000))
    path.write_bytes(gzip.compress(content.encode())[:-2000])
    given = options(str(path), layout="wide", context=1, horizon=1)
    seen = 0
    with pytest.raises(DataError, match="cannot be read beyond this line"):
        for _ in read_part(str(path), given):
            seen += 1
    assert seen > 1000
