"""Text, numbers and categories, from raw tensors to what the network reads."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features.categorical import Options as Categorical
from models.features.categorical import graph as categorical
from models.features.numeric import Options as Numeric
from models.features.numeric import graph as numeric
from models.features.text import Options, graph

WORDS = ["the", "film", "good", "a", "don't"]
FAST = settings(max_examples=20, deadline=None)


@pytest.fixture(scope="module")
def analyzers(plain_analyzers: Callable):
    return plain_analyzers({"review": WORDS, "shop": ["north", "south", "west"]})


def text(**fields: object) -> Options:
    return Options(kind="text", **fields)


def tokens(options: Options, *texts: str | bytes) -> list[list[str]]:
    raw = [t.encode("utf-8") if isinstance(t, str) else t for t in texts]
    rows = graph.tokenize(options, tf.constant(raw, tf.string)).to_list()
    return [[token.decode("utf-8", "replace") for token in row] for row in rows]


def ids(options: Options, analyzers, *texts: str | bytes) -> list[list[int]]:
    raw = [t.encode("utf-8") if isinstance(t, str) else t for t in texts]
    ragged = graph.preprocess(options, "review", tf.constant(raw, tf.string), analyzers)["review"]
    assert ragged.dtype == tf.int64
    return ragged.to_list()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("The film, good!", ["the", "film", ",", "good", "!"]),
        ("  two\tblanks\n here ", ["two", "blanks", "here"]),
        ("don't stop", ["don't", "stop"]),
        ("don\u2019t stop", ["don't", "stop"]),
        ("no\u00a0break\u3000wide\u2009thin", ["no", "break", "wide", "thin"]),
        ("a-b/c...", ["a", "-", "b", "/", "c", ".", ".", "."]),
        ("3.5 €", ["3", ".", "5", "€"]),
        ("日本、語", ["日本", "、", "語"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("x😀y", ["x", "😀", "y"]),
        ("under_score", ["under", "_", "score"]),
        ("back\\slash $1 \\1", ["back", "\\", "slash", "$", "1", "\\", "1"]),
        ("", []),
        (" \t\n", []),
    ],
)
def test_words_are_split_from_punctuation(written: str, expected: list[str]) -> None:
    assert tokens(text(), written) == [expected]


def test_whitespace_leaves_punctuation_where_it_stands() -> None:
    options = text(tokens="whitespace")
    assert tokens(options, "The film,\u00a0good!") == [["the", "film,", "good!"]]
    assert tokens(options, "don\u2019t") == [["don\u2019t"]]


def test_characters_are_unicode_characters_blanks_included() -> None:
    assert tokens(text(tokens="characters"), "Äb 😀", "") == [["ä", "b", " ", "😀"], []]


@pytest.mark.parametrize(
    "written", ["ÄÖÜ", "İstanbul", "Straße", "ΑΒΓ", "ЖЗИ", "ẞ", "Ǆ", "İ", "ß", "ASCII"]
)
def test_lower_case_is_unicodes_and_as_pythons(written: str) -> None:
    assert tokens(text(), written) == [[written.lower()]]
    assert tokens(text(lower=False), written) == [[written]]


def test_strip_tags_replaces_markup_and_keeps_what_is_no_markup() -> None:
    options = text(strip_tags=True)
    assert tokens(options, "good<br />film <b class='x'>a</b>") == [["good", "film", "a"]]
    assert tokens(options, "1 < 2 and 3") == [["1", "<", "2", "and", "3"]]
    assert tokens(text(), "a<br>b") == [["a", "<", "br", ">", "b"]]


def test_the_start_or_the_end_of_a_long_text_is_kept() -> None:
    written = "one two three four five"
    assert tokens(text(max_length=2), written, "one", "") == [["one", "two"], ["one"], []]
    ends = tokens(text(max_length=2, keep="end"), written, "one", "")
    assert ends == [["four", "five"], ["one"], []]
    assert tokens(text(max_length=5, keep="end"), written) == [written.split()]


def test_ids_follow_the_vocabulary_and_unknown_words_share_one(analyzers) -> None:
    assert ids(text(), analyzers, "The film xyz good", "xyz qqq") == [[2, 3, 1, 4], [1, 1]]


def test_only_the_most_frequent_words_have_ids_of_their_own(analyzers) -> None:
    assert ids(text(vocabulary=2), analyzers, "the film good") == [[2, 3, 1]]


def test_a_text_without_any_token_becomes_one_unknown_id(analyzers) -> None:
    assert ids(text(), analyzers, "", "the", "  ") == [[1], [2], [1]]
    assert ids(text(strip_tags=True), analyzers, "<br/>") == [[1]]
    assert ids(text(tokens="characters"), analyzers, "") == [[1]]


def test_an_empty_batch_passes(analyzers) -> None:
    raw = tf.constant([], tf.string)
    ragged = graph.preprocess(text(), "review", raw, analyzers)["review"]
    assert ragged.shape[0] == 0


def test_a_text_of_a_hundred_thousand_words_is_cut_to_max_length(analyzers) -> None:
    long = "the film " * 50_000
    assert len(tokens(text(max_length=100_000), long)[0]) == 100_000
    assert ids(text(max_length=3), analyzers, long, "a") == [[2, 3, 2], [5]]
    assert ids(text(max_length=3, keep="end"), analyzers, long) == [[3, 2, 3]]


@pytest.mark.parametrize("cut", ["words", "whitespace", "characters"])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize(
    "raw", [b"\xff\xfe", b"ok \xc3", b"\xed\xa0\x80 x", b"\x00\x01", b"\xf5abc"], ids=repr
)
def test_bytes_that_are_not_utf8_are_taken_as_unknown(
    raw: bytes, lower: bool, cut: str, analyzers
) -> None:
    options = text(tokens=cut, lower=lower, max_length=4)
    (row,) = ids(options, analyzers, raw)
    assert 1 <= len(row) <= 4


@FAST
@given(
    texts=st.lists(st.text(max_size=40), min_size=1, max_size=4),
    cut=st.sampled_from(["words", "whitespace", "characters"]),
    keep=st.sampled_from(["start", "end"]),
    max_length=st.integers(1, 6),
    lower=st.booleans(),
    strip_tags=st.booleans(),
)
def test_no_row_is_empty_or_longer_than_asked_or_holds_the_padding_id(
    analyzers, texts, cut, keep, max_length, lower, strip_tags
) -> None:
    texts = [t.encode("utf-8", "replace") for t in texts]
    options = text(tokens=cut, keep=keep, max_length=max_length, lower=lower, strip_tags=strip_tags)
    rows = ids(options, analyzers, *texts)
    assert len(rows) == len(texts)
    for row in rows:
        assert 1 <= len(row) <= max_length
        assert all(1 <= entry < len(WORDS) + 2 for entry in row)
    for one, row in zip(texts, rows, strict=True):
        assert ids(options, analyzers, one) == [row], "a row depends on its batch"


@FAST
@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "M", "P", "S"]), max_size=30))
def test_words_lose_no_character(written: str) -> None:
    found = "".join(tokens(text(lower=False, max_length=1000), written)[0])
    assert found == written.replace("\u2019", "'")


def test_eager_and_graph_give_the_same_ids(analyzers) -> None:
    options = text(max_length=3, keep="end")
    compiled = tf.function(
        lambda raw: graph.preprocess(options, "review", raw, analyzers)["review"],
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    texts = ["The film, good!", "", "a a a a"]
    assert compiled(tf.constant(texts)).to_list() == ids(options, analyzers, *texts)


def test_a_number_is_scaled_or_left_alone(analyzers) -> None:
    raw = tf.constant([10.0, 14.0, -2.0])
    scaled = numeric.preprocess(Numeric(kind="numeric"), "price", raw, analyzers)
    np.testing.assert_allclose(scaled["price"], [0.0, 1.0, -3.0])
    left = numeric.preprocess(Numeric(kind="numeric", scale="none"), "price", raw, analyzers)
    np.testing.assert_array_equal(left["price"], raw)
    assert left["price"].dtype == tf.float32


def test_a_number_enters_the_network_as_a_vector_of_one() -> None:
    options = Numeric(kind="numeric")
    inputs = numeric.keras_inputs(options, "price")
    assert inputs["price"].shape == (None,)
    assert numeric.encode(options, "price", inputs, None, 8).shape == (None, 1)


def test_a_category_has_its_rank_above_the_id_of_all_others(analyzers) -> None:
    raw = tf.constant(["north", "west", "nowhere", ""])
    full = categorical.preprocess(Categorical(kind="categorical"), "shop", raw, analyzers)
    assert full["shop"].numpy().tolist() == [1, 3, 0, 0]
    assert full["shop"].dtype == tf.int64
    cut = categorical.preprocess(
        Categorical(kind="categorical", vocabulary=2), "shop", raw, analyzers
    )
    assert cut["shop"].numpy().tolist() == [1, 0, 0, 0]


def test_categories_are_told_apart_by_their_case(analyzers) -> None:
    raw = tf.constant(["North", "north"])
    found = categorical.preprocess(Categorical(kind="categorical"), "shop", raw, analyzers)
    assert found["shop"].numpy().tolist() == [0, 1]


def test_what_is_missing_is_served_as_it_was_trained(analyzers) -> None:
    assert ids(text(missing="good"), analyzers, "", "good") == [[4], [4]]
    filled = Categorical(kind="categorical", missing="south")
    shops = categorical.preprocess(filled, "shop", tf.constant(["", "south"]), analyzers)["shop"]
    assert shops.numpy().tolist() == [2, 2]
    price = Numeric(kind="numeric", scale="none", missing=7.0)
    prices = numeric.preprocess(price, "price", tf.constant([float("nan"), 1.0]), analyzers)
    assert prices["price"].numpy().tolist() == [7.0, 1.0]
