"""Subword units: how they are learnt, and that the graph cuts words as the definition has it."""

from collections.abc import Callable

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features.subword_units import LONGEST_UNIT, subword_units
from models.features.subwords import pieces_of
from models.features.text import Options as Text
from models.features.text import graph as text

UNITS = ["l", "##o", "##w", "low", "##e", "##r", "##er", "ß", "##ß", "<email>"]


def greedy(word: str, units: list[str]) -> list[int]:
    """The definition, a word at a time: ranks of the longest matches, -1 where there is none."""
    found, start = [], 0
    while start < len(word):
        for end in range(min(len(word), start + LONGEST_UNIT), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in units:
                found.append(units.index(piece))
                break
        else:
            end = start + 1
            found.append(-1)
        start = end
    return found


@pytest.fixture(scope="module")
def analyzers(plain_analyzers: Callable):
    return plain_analyzers({"words": UNITS})


def test_the_most_frequent_pair_is_merged_first() -> None:
    words = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    units = subword_units(words, 15)
    assert units[:11] == [
        *("##e", "##w", "##s", "##t", "##o", "l", "n", "##d", "##i", "w", "##r"),
    ]
    assert units[11:] == ["##es", "##est", "##ow", "low"]
    assert units == subword_units(dict(reversed(words.items())), 15)


def test_characters_come_first_and_the_rarest_go_without() -> None:
    assert subword_units({"aab": 3, "c": 1}, 2) == ["##a", "##b"]
    assert subword_units({}, 9) == []


def test_a_pair_that_occurs_once_is_no_unit_and_a_redaction_is_one() -> None:
    assert set(subword_units({"<email>": 1, "xy": 1}, 99)) == {"<email>", "x", "##y"}


def test_units_are_no_longer_than_their_bound() -> None:
    units = subword_units({"ab" * 40: 5}, 200)
    assert max(len(unit.removeprefix("##")) for unit in units) == LONGEST_UNIT


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1, max_size=8), st.integers(1, 9), max_size=9))
def test_all_units_are_made_of_the_words(words: dict[str, int]) -> None:
    units = subword_units(words, 40)
    assert len(set(units)) == len(units) <= 40
    joined = " ".join(words)
    assert all(unit.removeprefix("##") in joined for unit in units)
    assert all(-1 not in greedy(word, subword_units(words, 10_000)) for word in words)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.one_of(st.text("lowerß", min_size=1, max_size=12), st.just("<email>"))),
        max_size=4,
    )
)
def test_words_are_cut_greedily(analyzers, rows: list[list[str]]) -> None:
    words = tf.ragged.constant(rows, tf.string, ragged_rank=1, row_splits_dtype=tf.int64)
    ranks, characters = pieces_of(words, analyzers, "words", 10)
    expected = [[rank for word in row for rank in greedy(word, UNITS)] for row in rows]
    assert ranks.to_list() == expected
    assert len(characters) == sum(map(len, expected))


def test_a_text_becomes_ids_of_its_pieces(analyzers) -> None:
    options = Text(kind="text", subwords=True, max_length=3)
    raw = tf.constant(["Lower x", "", "low low, slow"])
    found = text.preprocess(options, "words", raw, analyzers)["words"].to_list()
    assert found == [[5, 8, 1], [1], [5, 5, 1]]
    assert analyzers.kept["words"].numpy().tolist() == [3, 0, 7]
