"""Unicode normalisation in core ops, beside Python's own."""

import unicodedata
from collections.abc import Callable

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features.normalise import normalised

FORMS = ("nfc", "nfkc")
NO_CHARACTERS = {*range(0xFDD0, 0xFDF0), *(plane + end for plane in range(0, 0x110000, 0x10000)
                                           for end in (0xFFFE, 0xFFFF))}  # fmt: skip
JAMO = "".join(map(chr, [*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A7, 0x11C3)]))
TRICKY = st.one_of(
    st.characters(codec="utf-8"),
    st.sampled_from("aeiouAEIOU가각ﬁΩ①ｶﾞẛ"),
    st.characters(codec="utf-8", categories=["Mn", "Mc"]),
    st.sampled_from(JAMO),
    st.sampled_from("\u0cc6\u0cc2\u0cd5\u09c7\u09be\u0f71\u0f72\u0f74\u1100\u1161\u11a8"),
)


@pytest.fixture(scope="module")
def graphs() -> dict[str, Callable]:
    spec = tf.TensorSpec([None], tf.string)
    return {
        form: tf.function(lambda text, form=form: normalised(text, form), input_signature=[spec])
        for form in FORMS
    }


def expected(form: str, text: str) -> bytes:
    kept = "".join("\ufffd" if ord(part) in NO_CHARACTERS else part for part in text)
    return unicodedata.normalize(form.upper(), kept).encode()


@pytest.mark.parametrize("form", FORMS)
def test_every_character_and_its_decomposition(form: str, graphs: dict[str, Callable]) -> None:
    every = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    every = [part for part in every if unicodedata.normalize("NFKD", part) != part]
    for texts in (every, [unicodedata.normalize("NFD", part) for part in every]):
        found = graphs[form](tf.constant([text.encode() for text in texts])).numpy()
        assert found.tolist() == [expected(form, text) for text in texts]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(TRICKY, max_size=12), max_size=12))
@pytest.mark.parametrize("form", FORMS)
def test_any_text_is_normalised_as_python_does(
    form: str, graphs: dict[str, Callable], texts: list[str]
) -> None:
    given_texts = tf.constant([text.encode() for text in texts], tf.string)
    assert graphs[form](given_texts).numpy().tolist() == [expected(form, text) for text in texts]


@pytest.mark.parametrize("form", FORMS)
def test_bytes_that_are_not_utf8_are_replaced(form: str, graphs: dict[str, Callable]) -> None:
    found = graphs[form](tf.constant([b"a\xff", b"plain", b""])).numpy().tolist()
    assert found == ["a\ufffd".encode(), b"plain", b""]
