"""Windows of one series that are judged by steps which an earlier split was given."""

from hypothesis import given
from hypothesis import strategies as st

from components.ingest.leaks import overlaps, problems
from components.ingest.splits import SPLITS


@st.composite
def windows(draw: st.DrawFn) -> list[tuple[str, int, int, int, str]]:
    found = []
    for number in range(draw(st.integers(0, 12))):
        start = draw(st.integers(0, 40))
        targets = start + draw(st.integers(0, 6))
        end = targets + draw(st.integers(1, 6))
        found.append((draw(st.sampled_from(SPLITS)), start, targets, end, f"row {number}"))
    return found


@given(windows())
def test_a_judged_window_is_named_if_any_earlier_split_holds_its_targets(placed: list) -> None:
    expected = {
        judged[4]
        for judged in placed
        for given_one in placed
        if SPLITS.index(given_one[0]) < SPLITS.index(judged[0])
        and given_one[1] < judged[3]
        and given_one[3] > judged[2]
    }
    assert {pair[1].split(" ", 1)[1] for pair in overlaps(placed)} == expected


def test_context_may_reach_into_the_split_before() -> None:
    train = ("train", 0, 8, 10, "a")
    assert list(overlaps([train, ("test", 2, 10, 12, "b")])) == []
    assert list(overlaps([train, ("test", 2, 9, 12, "b")])) == [["train a", "test b"]]


def test_problems_have_counts_and_examples() -> None:
    leaks = {
        "inputs": {"count": 2, "rows": 1234, "examples": [["train x:1", "test x:2"]]},
        "windows": {"count": 0, "rows": 0, "examples": []},
    }
    (line,) = problems(leaks)
    assert line.startswith("1,234 rows with the same inputs") and "train x:1  and  test x:2" in line
