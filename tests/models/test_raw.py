"""Raw values: what is read from csv's text and JSON, and what is refused with which words."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.features.series import Options as Series
from models.features.text import Options as Text
from models.features.tokens import Options as Tokens
from models.options import FeatureOptions
from models.raw import FLOAT32_MAX, Raw, RawError
from models.sent import sent
from models.tasks.tag import Options as Tag

STRINGS = Raw(dtype="string", shape=(None,))
NUMBERS = Raw(dtype="float", shape=(None, 1))
PAIRS = Raw(dtype="float", shape=(None, 2))
numbers = st.floats(-FLOAT32_MAX, FLOAT32_MAX)
words = st.text(st.characters(codec="utf-8"), max_size=5)
DIALOGS = Raw(dtype="string", shape=(None, None, None))
IMAGES = Raw(dtype="float", shape=(2, 2, 1))
FILES = Raw(dtype="bytes")
GAPS = Raw(dtype="float", shape=(None, 2), nullable=True)


@given(st.lists(words))
def test_a_list_of_strings_is_read_as_it_is(tokens: list[str]) -> None:
    assert STRINGS.read("words", tokens) == tokens


@given(st.lists(st.text("xyz", min_size=1, max_size=3)))
def test_tokens_in_one_text_are_cut_at_blanks_or_the_delimiter(tokens: list[str]) -> None:
    assert STRINGS.read("words", "  ".join(tokens)) == tokens
    assert STRINGS.read("words", "|".join(tokens), "|") == (tokens or [""])


@given(st.lists(numbers))
def test_one_channel_is_read_with_and_without_inner_lists_and_from_text(values) -> None:
    expected = [[value] for value in values]
    assert NUMBERS.read("x", values) == expected
    assert NUMBERS.read("x", expected) == expected
    assert NUMBERS.read("x", " ".join(map(repr, values))) == expected


@given(st.lists(st.tuples(numbers, numbers).map(list)))
def test_vectors_are_read_as_they_are(steps: list[list[float]]) -> None:
    assert PAIRS.read("x", steps) == steps


@pytest.mark.parametrize(
    ("raw", "came", "message"),
    [
        (STRINGS, 3, "field 'x': a int came, where a list of strings is read"),
        (STRINGS, {"a": 1}, "field 'x': a dict came, where a list of strings is read"),
        (STRINGS, ["a", ["b"]], r"field 'x\[1\]': a list came, where text is read"),
        (STRINGS, ["a", None], r"field 'x\[1\]': null came"),
        (STRINGS, ["\ud800"], r"field 'x\[0\]': .* half of a surrogate pair"),
        (NUMBERS, True, "field 'x': a bool came, where a list of numbers is read"),
        (NUMBERS, [1.0, math.nan], r"field 'x\[1\]': nan came, where a finite number is read"),
        (NUMBERS, [math.inf], r"field 'x\[0\]': inf came"),
        (NUMBERS, [1e39], r"field 'x\[0\]': 1e\+39 came"),
        (NUMBERS, "1 x", r"field 'x\[1\]': 'x' came, where a finite number is read"),
        (NUMBERS, [[1.0, 2.0]], r"field 'x\[0\]': 2 numbers came, where every step has 1"),
        (PAIRS, [[1.0, 2.0], [3.0]], r"field 'x\[1\]': 1 numbers came, where every step has 2"),
        (PAIRS, [1.0, 2.0], r"field 'x\[0\]': 1.0 came, where every step has 2 .*`depth:`"),
        (PAIRS, [[1, 10**400]], r"field 'x\[0\]': 1000.* came, where a finite number is read"),
        (DIALOGS, "a b", "text came, where a list of lists of lists of strings is read"),
        (DIALOGS, [["a"]], r"field 'x\[0\]\[0\]': 'a' came, where a list of strings is read"),
        (DIALOGS, [[["a"], None]], r"field 'x\[0\]\[1\]': None came, where a list of strings"),
        (IMAGES, [[[1], [2]]], r"field 'x': 1 lists came, where 2 lists .* the shape \[2, 2, 1\]"),
        (IMAGES, [[1, 2], [3]], r"field 'x\[1\]': 1 lists came"),
        (IMAGES, 3.0, r"field 'x': a float came, where a list of numbers of the shape \[2, 2, 1\]"),
        (FILES, "RIFF", r"field 'x': a str came, where bytes are read \(in JSON: .*b64"),
        (FILES, {"b64": "a*"}, "field 'x': b64 is not base64"),
        (GAPS, [[1.0, "x"]], r"field 'x\[0\]': 'x' came, where a finite number is read"),
    ],
    ids=str,
)
def test_other_forms_are_refused_with_place_and_remedy(raw: Raw, came: Any, message: str) -> None:
    with pytest.raises(RawError, match=message):
        raw.read("x", came)


def test_bytes_are_read_as_they_are_and_as_json_has_them() -> None:
    assert FILES.read("x", b"\xff\x00") == b"\xff\x00"
    assert FILES.read("x", {"b64": "/wA="}) == b"\xff\x00"


def test_a_missing_number_is_nan_where_it_may_be() -> None:
    read = GAPS.read("x", [[None, 1.0], ["", 2], [math.nan, "NaN"]])
    assert repr(read) == repr([[math.nan, 1.0], [math.nan, 2.0], [math.nan, math.nan]])


def test_an_array_of_numbers_is_read_as_its_lists() -> None:
    assert IMAGES.read("x", np.arange(4, dtype=np.uint8).reshape(2, 2, 1)) == [
        [[0.0], [1.0]],
        [[2.0], [3.0]],
    ]
    assert IMAGES.read("x", [[0, 1], [2.5, 3]]) == [[[0.0], [1.0]], [[2.5], [3.0]]]


@pytest.mark.parametrize("shape", [(2, None), (None, None, None, None), (None, 2, None)], ids=str)
def test_axes_that_vary_come_first_and_are_three_at_most(shape: tuple) -> None:
    with pytest.raises(ValidationError, match="at most 3 axes vary in length"):
        Raw(dtype="float", shape=shape)


def nested(depth: int) -> st.SearchStrategy[list]:
    inner = st.integers(0, 9).map(float) if depth == 0 else nested(depth - 1)
    return inner if depth == 0 else st.lists(inner, max_size=3)


@given(st.integers(1, 3).flatmap(lambda depth: st.tuples(st.just(depth), nested(depth))))
def test_nested_lists_are_flattened_and_nested_again(case: tuple[int, list]) -> None:
    depth, value = case
    form = Raw(dtype="float", shape=(None,) * depth)
    scalars, lengths = form.flattened(form.read("x", value))
    assert len(lengths) == depth - 1 and all(isinstance(scalar, float) for scalar in scalars)
    assert form.nested(scalars, lengths) == value


@pytest.mark.parametrize(
    ("form", "value", "flat", "lengths"),
    [
        (Raw(dtype="string"), "a", ["a"], []),
        (IMAGES, [[[1.0], [2.0]], [[3.0], [4.0]]], [1.0, 2.0, 3.0, 4.0], []),
        (PAIRS, [[1.0, 2.0]], [1.0, 2.0], []),
        (PAIRS.of_steps(), [[], [[1.0, 2.0]]], [1.0, 2.0], [[0, 1]]),
        (DIALOGS, [[["a"], []], []], ["a"], [[2, 0], [1, 0]]),
    ],
    ids=str,
)
def test_fixed_axes_take_no_lengths(form: Raw, value: Any, flat: list, lengths: list) -> None:
    assert form.flattened(value) == (flat, lengths)
    assert form.nested(flat, lengths) == value


def test_a_client_sends_lists_of_one_size_with_their_lengths() -> None:
    assert sent("x", PAIRS.of_steps(), [[], [[1.0, 2.0]]]) == {
        "x": [[[0.0, 0.0]], [[1.0, 2.0]]],
        "x_length": 2,
        "x_length_2": [0, 1],
    }
    assert sent("x", DIALOGS, [[["a"]], []]) == {
        "x": [[["a"]], [[""]]],
        "x_length": 2,
        "x_length_2": [1, 0],
        "x_length_3": [[1], [0]],
    }
    assert sent("x", FILES.of_steps(), [b"\xff"]) == {"x": [{"b64": "/w=="}], "x_length": 1}
    assert sent("x", IMAGES, [[[1.0]]]) == {"x": [[[1.0]]]}


@pytest.mark.parametrize("empty", [[], "", "  ", None])
@pytest.mark.parametrize(
    ("strict", "filled", "filler"),
    [
        (Tokens(kind="tokens"), Tokens(kind="tokens", missing=["none"]), ["none"]),
        (Series(kind="series"), Series(kind="series", missing=[[0.5]]), [[0.5]]),
    ],
    ids=["tokens", "series"],
)
def test_a_sequence_without_steps_is_missing(
    strict: FeatureOptions, filled: FeatureOptions, filler: list, empty: Any
) -> None:
    with pytest.raises(RawError, match=r"field 'x' is empty .*`missing:`"):
        strict.read({"x": empty}, "x")
    assert filled.read({"x": empty}, "x") == filler
    assert filled.read({}, "x") == filler


def test_vectors_are_not_read_from_text() -> None:
    with pytest.raises(RawError, match="text came, where a list of lists of 2 numbers is read"):
        Series(kind="series", depth=2).read({"x": "1 2"}, "x")


def test_steps_for_missing_series_have_the_series_depth() -> None:
    with pytest.raises(ValidationError, match="every step has 2 numbers"):
        Series(kind="series", depth=2, missing=[[1.0]])


def test_only_what_reading_depends_on_is_kept_for_it() -> None:
    tokens = Tokens(kind="tokens", column="c", max_length=3, vocabulary=9, delimiter="|")
    kept = Tokens(kind="tokens", column="c", delimiter="|")
    assert tokens.for_reading() == kept and kept.for_reading() == kept
    series = Series(kind="series", depth=3, scale="none", missing=[[1.0, 2.0, 3.0]])
    assert series.for_reading() == Series(kind="series", depth=3, missing=series.missing)
    text = Text(kind="text", missing="none", max_length=9)
    assert text.for_reading() == Text(kind="text", missing="none")
    tag = Tag(kind="tag", label="tags", aligned_with="words", delimiter="|")
    assert tag.for_reading() == tag
