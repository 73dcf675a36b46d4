"""How much of the train split is cut, from how often each length occurs."""

from components.truncation import is_lengths_asset, lengths_asset, truncated


def test_rows_and_tokens_are_counted_exactly() -> None:
    found = truncated({3: 2, 5: 1, 10: 4}, 4)
    assert found == (7, 5, 51, 25, 10, 4)
    assert str(found) == (
        "71.4% of the rows are cut to max_length 4, which leaves out 49.0% of the tokens "
        "(the longest row has 10)"
    )


def test_nothing_is_cut_of_nothing_and_of_short_rows() -> None:
    assert truncated({}, 4) == (0, 0, 0, 0, 0, 4)
    assert truncated({0: 3, 4: 2}, 4) == (5, 0, 8, 0, 4, 4)
    assert "0.0% of the rows" in str(truncated({}, 4))


def test_lengths_are_told_from_vocabularies() -> None:
    assert is_lengths_asset(lengths_asset("review")) and not is_lengths_asset("review_lengths")
