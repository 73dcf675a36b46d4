"""What a text, a token or a category goes through before it is looked up."""

from collections.abc import Callable

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.features.categorical import Options as Categorical
from models.features.categorical import graph as categorical
from models.features.sequences import cut
from models.features.text import Options as Text
from models.features.text import graph as text
from models.features.tokens import Options as Tokens
from models.features.tokens import graph as tokens

WORDS = ["a", "b", "c"]


@pytest.fixture(scope="module")
def analyzers(plain_analyzers: Callable):
    return plain_analyzers({"words": WORDS})


def cut_to_tokens(raw: str, **options) -> list[str]:
    (found,) = text.tokenize(Text(kind="text", **options), tf.constant([raw])).to_list()
    return [token.decode() for token in found]


@pytest.mark.parametrize(
    ("options", "raw", "expected"),
    [
        ({"tokens": "bytes"}, "aé\n", ["a", "<0xC3>", "<0xA9>", "<0x0A>"]),
        ({"tokens": "characters"}, "aé\n", ["a", "é", "<0x0A>"]),
        ({"tokens": "regex", "pattern": r"\p{L}+"}, "ab, cd-éf", ["ab", "cd", "éf"]),
        ({"tokens": "regex", "pattern": r"(a|b)c?"}, "xacb\x1fbc", ["ac", "b", "bc"]),
        ({"tokens": "regex", "pattern": "z"}, "abc", []),
        ({"normalise": "nfkc", "lower": False}, "ﬁne Ａ①", ["fine", "A1"]),
        ({"normalise": "nfc", "tokens": "characters"}, "e\u0301ﬁ", ["é", "ﬁ"]),
        ({"keep": "both", "max_length": 3}, "a b c d e", ["a", "b", "e"]),
        ({"keep": "end", "max_length": 2}, "a b c d e", ["d", "e"]),
        ({"keep": "both", "max_length": 5}, "a b c d e", ["a", "b", "c", "d", "e"]),
    ],
    ids=str,
)
def test_texts_are_cut_as_asked(options: dict, raw: str, expected: list[str]) -> None:
    assert cut_to_tokens(raw, **options) == expected
    kept = options.pop("max_length", None)
    if kept is None:
        rough = Text(kind="text", **options).tokens_of(raw)
        assert len(rough) == len(expected)


REDACTIONS = [
    ("write to Ann.Lee+x@mail.example.org, please", "write to <email> , please"),
    ("ring 0171 555 0100 or +49 (0)30 1234567", "ring <telephone> or <telephone>"),
    ("ring (206) 555-0100 or 1-206-555-0100.", "ring <telephone> or <telephone> ."),
    ("card 4111 1111 1111 1111, 4111-1111-1111-1111", "card <card> , <card>"),
    ("card 4111111111111111", "card <card>"),
    ("in 2024 there were 1500 of 12345", "in 2024 there were 1500 of 12345"),
    ("version 1.10.2 of 2024-11-21", "version 1.10.2 of 2024-11-21"),
    ("Name: Ann Lee; born 1990", "name: <name> ; born 1990"),
    ('{"name": "Ann; Lee", "x": 1}', '{"name": <name> , "x": 1}'),
    ('name: "Ann\nname = Bob', "name: <name> name = <name>"),
    ("order AB-123456 came", "order <order> came"),
    ("\ue000 is left", "\ufffd is left"),
]


@pytest.mark.parametrize(("raw", "expected"), REDACTIONS, ids=[raw for raw, _ in REDACTIONS])
def test_what_names_people_is_replaced_by_what_it_is(raw: str, expected: str) -> None:
    options = {
        "redact": ["email", "telephone", "card"],
        "redact_fields": ["name"],
        "redact_patterns": {"order": "[A-Z]{2}-[0-9]{6}"},
        "tokens": "whitespace",
    }
    assert cut_to_tokens(raw, **options) == expected.split()
    if "\ue000" not in raw:
        rough = Text(kind="text", **options).tokens_of(raw)
        assert rough == expected.split()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["mail", "<email>", "!"]),
        ({"tokens": "regex", "pattern": r"\w+"}, ["mail", "<email>"]),
        ({"tokens": "characters", "strip_tags": True}, [*"mail ", "<email>", "!"]),
        ({"tokens": "bytes"}, [*"mail <email>!"]),
    ],
    ids=str,
)
def test_a_redaction_is_one_token_however_texts_are_cut(options: dict, expected: list) -> None:
    assert cut_to_tokens("Mail a.b@c.org!", redact=["email"], **options) == expected


def test_tokens_are_cleaned_one_by_one(analyzers) -> None:
    options = Tokens(
        kind="tokens", lower=True, normalise="nfkc", redact=["email"], keep="both", max_length=2
    )
    raw = tf.ragged.constant([["\uff21", "x", "B"], ["a@b.de"]], row_splits_dtype=tf.int64)
    found = tokens.preprocess(options, "words", raw, analyzers)["words"]
    assert found.to_list() == [[2, 3], [1]]
    assert options.tokens_of(["\uff21", "a@b.de"]) == ["a", "<email>"]


def test_unknown_strings_share_buckets_below_the_vocabulary(analyzers) -> None:
    options = Tokens(kind="tokens", unknown_buckets=4)
    unseen = [f"unseen {index}" for index in range(40)]
    raw = tf.ragged.constant([["a", "c"], unseen], row_splits_dtype=tf.int64)
    known, unknown = tokens.preprocess(options, "words", raw, analyzers)["words"].to_list()
    assert known == [5, 7] and {*unknown} == {1, 2, 3, 4}
    shops = Categorical(kind="categorical", unknown_buckets=2, lower=True)
    found = categorical.preprocess(shops, "words", tf.constant(["A", *unseen]), analyzers)["words"]
    assert found[0] == 2 and {*found[1:].numpy().tolist()} == {0, 1}


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(st.lists(st.integers(0, 9), max_size=7), max_size=5),
    most=st.integers(1, 5),
    keep=st.sampled_from(["start", "end", "both"]),
)
def test_longer_rows_are_cut_where_asked(rows: list[list[int]], most: int, keep: str) -> None:
    ragged = tf.ragged.constant(rows, tf.int32, ragged_rank=1, row_splits_dtype=tf.int64)
    head = {"start": most, "end": 0, "both": most - most // 2}[keep]
    expected = [
        row if len(row) <= most else row[:head] + row[len(row) - (most - head) :] for row in rows
    ]
    assert cut(ragged, most, keep).to_list() == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens": "regex"}, "pattern goes with tokens: regex"),
        ({"pattern": "a"}, "pattern goes with tokens: regex"),
        ({"tokens": "regex", "pattern": "a*"}, "pattern: 'a\\*' matches an empty text"),
        ({"tokens": "regex", "pattern": "("}, r"pattern: '\(' is no regular expression"),
        ({"tokens": "regex", "pattern": "(?=a)b"}, "looks around or back"),
        ({"tokens": "regex", "pattern": r"(a)\1"}, "looks around or back"),
        ({"tokens": "regex", "pattern": "a++"}, r"takes for good \(\+\+\)"),
        ({"tokens": "bytes", "subwords": True}, "subwords with tokens: bytes"),
        ({"subwords": True, "vectors": {"file": "x"}}, "subwords with vectors"),
        ({"redact_fields": ["First Name"]}, "'First Name': a name is of lower-case letters and _"),
        ({"redact_patterns": {"order": "x|"}}, "order: 'x\\|' matches an empty text"),
        ({"redact": ["iban"]}, "Input should be 'email', 'telephone' or 'card'"),
        ({"normalise": "nfd"}, "Input should be 'nfc', 'nfkc' or 'none'"),
        ({"unknown_buckets": 0}, "greater than or equal to 1"),
    ],
    ids=str,
)
def test_options_that_do_not_go_together_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Text(kind="text", **options)
