"""Paths into nested records: what they mean, and that what breaks off says where."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.field_paths import PathError, look_up, parse

CALL = {
    "id": "c1",
    "turns": [
        {"asr": [["hello", 0.9], ["yellow", 0.1]], "acts": [], "a.b": 1},
        {"asr": [], "acts": ["food", ["food", "thai"]], "a.b": True, "note": None},
    ],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "c1"),
        ("turns[].asr", [[["hello", 0.9], ["yellow", 0.1]], []]),
        ("turns[].asr[][0]", [["hello", "yellow"], []]),
        ("turns[].asr[][-1]", [[0.9, 0.1], []]),
        ("turns[0].asr[1][0]", "yellow"),
        ("turns[].asr[0]?[0]", ["hello", None]),
        ("turns[].acts|text", ["", "food food thai"]),
        ("turns[].acts[]|text(=)", [[], ["food", "food=thai"]]),
        ("turns[].acts[] | text( / )", [[], ["food", "food / thai"]]),
        ('turns[]."a.b"', [1, True]),
        ('turns[]."a.b"|text', ["1", "true"]),
        ("turns[].note?", [None, None]),
        ("turns[].note?.more", [None, None]),
        ("turns[].note?|text", ["", ""]),
        ("session-id?", None),
        ("session-id?|text", None),
        ("turns[9]?[].acts", None),
    ],
)
def test_a_path_leads_to_a_value(path: str, value: Any) -> None:
    assert look_up(CALL, parse(path)) == value


def test_a_record_that_is_a_list_is_entered_by_a_place() -> None:
    assert look_up([1, [2, 3]], parse("[1][0]")) == 2
    assert look_up([1, [2, 3]], parse("[]|text(,)")) == ["1", "2,3"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("turn", r"the record has no 'turn'; it has 'id', 'turns' \(write \? after a step"),
        ("turns[].asr[0]", r"turns\[1\]\.asr has 0 items, and none at 0 \(write \?"),
        ("turns.asr", r"turns is \[.*, where an object with 'asr' is read"),
        ("id[]", "id is 'c1', where a list is read"),
        ("turns[].acts[][0]", r"turns\[1\]\.acts\[0\] is 'food', where a list is read"),
        ("turns[1].note[]", r"turns\[1\]\.note is null, where a list is read"),
        ("turns|text", "the object {'asr.*, where |text makes text of lists"),
        ("[0]", "the record is {.*, where a list is read"),
    ],
)
def test_a_path_that_breaks_off_says_where(path: str, message: str) -> None:
    with pytest.raises(PathError, match=message):
        look_up(CALL, parse(path))


@pytest.mark.parametrize(
    "path",
    [
        *("", ".a", "a.", "a..b", "a[", "a[x]", "a[1.5]", "a[]?", "a]", "?", '"a', '"\\x"', 'a"b"'),
        *("|text", "a|words", "a|text(", "a|text|text", "a b(c)", "[]b", "a[] .b"),
    ],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"came|is no JSON string"):
        parse(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Every place in a value, with the path that leads there."""
    found = [(path, value)] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, f"{path}{'.' * bool(path)}{json.dumps(key)}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            found += places(inner, f"{path}[{place}]")
    return found


@settings(max_examples=80, deadline=None)
@given(JSON)
def test_every_place_of_a_record_has_a_path(record: Any) -> None:
    for path, value in places(record):
        assert look_up(record, parse(path)) == value
        if isinstance(value, list):
            assert look_up(record, parse(path + "[]")) == value
            texts = [item for item in value if isinstance(item, str)]
            assert look_up(texts, parse("[]|text")) == texts
            assert look_up({"a": texts}, parse("a|text(+)")) == "+".join(texts)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", ".", "[]", "[0]", "[-1]", "?", '"b"', "|text", "(", ")", " "])
    ).map("".join)
    | st.text(max_size=8),
    JSON,
)
def test_any_text_is_a_path_or_an_error(path: str, record: Any) -> None:
    try:
        look_up(record, parse(path))
    except ValueError as error:
        assert str(error)
