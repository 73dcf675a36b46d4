"""YAML with the line of every field."""

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.yaml_positions import SyntaxProblem, parse

TEXT = """\
# a comment
name: x

data:
  path: rows.csv   # another
  split: {by: row,
          seed: 3}
pooling:
  - last
  - mean
"""


def test_data_are_what_yaml_says_and_lines_are_where_fields_stand() -> None:
    document = parse(TEXT)
    assert document.data == yaml.safe_load(TEXT)
    assert document.problems == []
    lines = {
        (): 1,
        ("name",): 2,
        ("data",): 4,
        ("data", "path"): 5,
        ("data", "split"): 6,
        ("data", "split", "by"): 6,
        ("data", "split", "seed"): 7,
        ("pooling",): 8,
        ("pooling", 0): 9,
        ("pooling", 1): 10,
    }
    assert {path: document.line(path) for path in lines} == lines


def test_what_is_not_in_the_file_is_where_its_surroundings_are() -> None:
    document = parse(TEXT)
    assert document.line(("data", "split", "train")) == 6
    assert document.line(("data", "group")) == 4
    assert document.line(("task", "kind")) == 1
    assert document.line(("pooling", 7)) == 8


def test_a_key_given_twice_is_reported_with_both_lines() -> None:
    document = parse("a: 1\nb: {c: 1, d: 2,\n c: 3}\na: 2\na: 3\n")
    assert [(problem.path, problem.message) for problem in document.problems] == [
        (("b", "c"), "given twice (also in line 2); keep one"),
        (("a",), "given twice (also in line 1); keep one"),
        (("a",), "given twice (also in line 4); keep one"),
    ]
    assert document.line(("a",)) == 5
    assert document.data["a"] == 3


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1", 1),
        ("a: 1\n\tb: 2", 2),
        ("a: 1\nb: {c: 1\nd: 2\n", 3),
        ("a: 'open\n", 2),
        ("a: *nowhere\n", 1),
        ("a: 1\n---\nb: 1\n", 2),
        ("a: b: c\n", 1),
        ("a: 1\nb: !!binary 'x'\n", 2),
        ("a: 1\nb: !unknown x\n", 2),
    ],
)
def test_what_is_no_yaml_is_located(text: str, line: int) -> None:
    with pytest.raises(SyntaxProblem) as caught:
        parse(text)
    assert abs(caught.value.line - line) <= 1
    assert str(caught.value)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n"])
def test_an_empty_document_is_none(text: str) -> None:
    document = parse(text)
    assert document.data is None
    assert document.line(("name",)) == 1


def test_a_key_that_yaml_takes_for_something_else_is_read_as_written() -> None:
    assert parse("yes: 1\n1: 2\n2.50: 3\n~: 4\n").data == {"yes": 1, "1": 2, "2.50": 3, "~": 4}


def test_a_time_of_day_is_no_number() -> None:
    assert parse("a: [19:30, 1:30.5, 1930, '7']\n").data == {"a": ["19:30", "1:30.5", 1930, "7"]}


def test_an_alias_gives_what_its_anchor_stands_for() -> None:
    document = parse("a: &x {b: [1]}\nc: *x\n")
    assert document.data == {"a": {"b": [1]}, "c": {"b": [1]}}


BROKEN = {
    "a date that is none": "a: 2020-99-99\n",
    "a number that is none": "a: 0x_\n",
    "a tag that does not fit": "a: !!int abc\n",
    "a number of many digits": f"a: {'9' * 5000}\n",
    "a control character": "a: \x07\n",
    "a list as a key": "? [a]\n: 1\n",
    "a mapping as a key": "{a: b}: 1\n",
    "an alias inside its anchor": "a: &x [*x]\n",
    "deep nesting": "a: " + "[" * 3000 + "]" * 3000 + "\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_values_that_cannot_be_built_are_reported_as_syntax(text: str) -> None:
    with pytest.raises(SyntaxProblem):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "`<<` .* is not read; write the fields out"),
        ("a: 1\nb: 2\nc: 2020-99-99\n", "'2020-99-99' is read as timestamp but is none"),
        ("a: 1\nb: 2\n? [a]\n: 1\n", "a sequence came as a key, where a name is read"),
        ("a: 1\n\nb: \x07\n", r"the character '\\x07' cannot stand in YAML"),
        ("a: 1\nb:\n- &x [*x]\n", "an alias in its anchor"),
    ],
)
def test_what_is_no_plain_data_is_explained_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SyntaxProblem, match=message) as caught:
        parse(text)
    assert caught.value.line == 3


def test_aliases_do_not_unfold_without_end() -> None:
    text = "a0: &a0 [x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
    )
    with pytest.raises(SyntaxProblem, match="aliases unfolded"):
        parse(text)


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="ascii")),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("abcxyz", min_size=2), inner)
        ),
        max_leaves=8,
    )
)
def test_what_yaml_wrote_is_read_back(data: object) -> None:
    assert parse(yaml.safe_dump(data)).data == data


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([*"ab :-[]{},\n'\"&*!|>?#%@", "- ", ": ", "\n  ", "&a ", "*a", "0x_"]),
        max_size=20,
    ).map("".join)
)
@example("0x_")
def test_arbitrary_text_is_a_document_or_a_syntax_problem(text: str) -> None:
    try:
        document = parse(text)
    except SyntaxProblem as problem:
        assert problem.line >= 1
    else:
        assert all(line >= 1 for line in document.lines.values())
