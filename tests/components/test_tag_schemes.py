"""Span tags in three schemes: the same spans, whichever is written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.tag_schemes import PREFIXES, Span, TagError, convert, spans_of, tags_of

SCHEMES = tuple(PREFIXES)


@st.composite
def spans(draw) -> tuple[list[Span], int]:
    """Spans in order, and the length of their sequence."""
    found, place = [], 0
    for gap, steps, label in draw(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(["X", "Y-Z"])),
            max_size=5,
        )
    ):
        start = place + gap
        place = start + steps
        found.append(Span(start, place, label))
    return found, place + draw(st.integers(0, 2))


@settings(max_examples=100, deadline=None)
@given(spans(), st.sampled_from(SCHEMES), st.sampled_from(SCHEMES))
def test_spans_survive_being_written_and_converted(drawn, given_scheme, wanted) -> None:
    found, length = drawn
    tags = tags_of(found, length, given_scheme)
    assert len(tags) == length
    assert spans_of(tags, given_scheme) == found
    converted = convert(tags, given_scheme, wanted)
    assert spans_of(converted, wanted) == found
    assert convert(converted, wanted, given_scheme) == tags


TAGS = st.sampled_from(["O", "B-X", "I-X", "E-X", "S-X", "B-Y", "I-Y", "E-Y", "X", "B-", "-", ""])


@settings(max_examples=150, deadline=None)
@given(st.lists(TAGS, max_size=6), st.sampled_from(SCHEMES))
def test_any_tags_are_spans_or_name_the_step(tags: list[str], scheme) -> None:
    try:
        found = spans_of(tags, scheme)
    except TagError as error:
        assert repr(tags[error.step]) in str(error)
        return
    # iob1 takes a B- that it does not need, and writes none.
    assert spans_of(tags_of(found, len(tags), scheme), scheme) == found
    if scheme != "iob1":
        assert tags_of(found, len(tags), scheme) == tags


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("iob1", "I-X I-X B-X O I-Y I-X"),
        ("iob2", "B-X I-X B-X O B-Y B-X"),
        ("bioes", "B-X E-X S-X O S-Y S-X"),
    ],
)
def test_one_sequence_in_each_scheme(scheme, tags: str) -> None:
    assert spans_of(tags.split(), scheme) == [
        Span(0, 2, "X"),
        Span(2, 3, "X"),
        Span(4, 5, "Y"),
        Span(5, 6, "X"),
    ]


@pytest.mark.parametrize(
    ("scheme", "tags", "step", "message"),
    [
        ("iob2", "O I-X", 1, "tag 'I-X' after 'O' is no iob2; are the tags iob1 or bioes?"),
        ("iob2", "I-X", 0, "tag 'I-X' after the start is no iob2"),
        ("iob2", "B-X I-Y", 1, "tag 'I-Y' after 'B-X' is no iob2"),
        ("iob2", "S-X", 0, "tag 'S-X' is none of iob2, whose tags are O, B-LABEL, I-LABEL"),
        ("iob1", "I-X city", 1, "tag 'city' is none of iob1"),
        ("bioes", "B-X O", 1, "tag 'O' after 'B-X' is no bioes"),
        ("bioes", "B-X B-X", 1, "tag 'B-X' after 'B-X' is no bioes"),
        ("bioes", "O B-X", 1, "ends inside a span"),
        ("bioes", "E-X", 0, "tag 'E-X' after the start"),
    ],
)
def test_tags_that_their_scheme_does_not_have(scheme, tags: str, step: int, message: str) -> None:
    with pytest.raises(TagError, match=message) as caught:
        spans_of(tags.split(), scheme)
    assert caught.value.step == step


@pytest.mark.parametrize(
    "wrong",
    [[(0, 0, "X")], [(0, 3, "X")], [(-1, 1, "X")], [(0, 1, "")], [(0, 2, "X"), (1, 2, "X")]],
)
def test_spans_that_cannot_be_tags_are_refused(wrong: list[tuple[int, int, str]]) -> None:
    with pytest.raises(ValueError, match=r"is no span|share a step"):
        tags_of([Span(*span) for span in wrong], 2, "iob2")
