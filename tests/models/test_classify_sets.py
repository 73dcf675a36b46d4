"""Sets of labels: how they are read, and which stop a run."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.options import LabelCount, options_class
from models.raw import RawError
from models.tasks.classify import Options

TASK = Options(kind="classify", label="topics", answer="multi")
STATED = TASK.model_copy(update={"labels": ["a", "b", "c"]})
STEPS = Options(kind="classify", label="topics", answer="multi", aligned_with="words")


@pytest.mark.parametrize(
    ("came", "read"),
    [
        (["b", "a"], "a\nb"),
        (["b", "a", "b"], "a\nb"),
        ([], ""),
        ("", ""),
        ("b, a", "a\nb"),
        ("b", "b"),
        ([1, True], "1\ntrue"),
        (np.array(["b", "a"]), "a\nb"),
    ],
)
def test_a_set_is_read_from_a_list_or_a_text(came: Any, read: str) -> None:
    targets = TASK.read({"topics": came})
    assert targets == {"topics": read}
    assert list(TASK.counted(targets)) == read.split()


names = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=","), min_size=1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(names, max_size=5), min_size=1, max_size=4))
def test_any_names_are_read_alike_from_lists_and_texts(sets: list[list[str]]) -> None:
    expected = [sorted(set(each)) for each in sets]
    by_text = [",".join(each) for each in sets]
    for came in (sets, by_text):
        (read,) = STEPS.read({"topics": came}).values()
        assert [part.split("\n") if part else [] for part in read] == expected
    for each, text, found in zip(sets, by_text, expected, strict=True):
        for came in (each, text):
            assert list(TASK.counted(TASK.read({"topics": came}))) == found


@pytest.mark.parametrize(
    ("came", "read"),
    [
        ([["b", "a"], [], ["c"]], ["a\nb", "", "c"]),
        (["b,a", "", "c"], ["a\nb", "", "c"]),
        ("b,a c", ["a\nb", "c"]),
    ],
)
def test_sets_of_steps_are_read_from_lists_or_texts(came: Any, read: list[str]) -> None:
    targets = STEPS.read({"topics": came})
    assert targets == {"topics": read}
    assert list(STEPS.counted(targets)) == [name for part in read for name in part.split()]


@pytest.mark.parametrize(
    ("task", "came", "said"),
    [
        (TASK, None, "null, and a row without labels teaches nothing"),
        (TASK, ["a", ""], "an empty label"),
        (TASK, "a,,b", "an empty label"),
        (TASK, ["a\nb"], "a label is one line"),
        (TASK, [["a"]], "a list came, where text is read"),
        (TASK, {"a": 1}, "a dict came, where text is read"),
        (STATED, ["a", "d"], "'d', and task.labels has no such label"),
        (STEPS, [], "a list of sets of labels is read, one a step"),
        (STEPS, 3, "column 'topics' is 3, where a list of sets"),
        (STEPS, [["a"], [["b"]]], r"topics\[1\]"),
    ],
)
def test_what_is_no_set_says_so(task: Options, came: Any, said: str) -> None:
    with pytest.raises(RawError, match=said):
        task.read({"topics": came})


def test_every_step_has_a_set() -> None:
    STEPS.check_row({"topics": ["a", ""]}, {"words": ["x", "y"]})
    with pytest.raises(RawError, match="'words' has 1 steps, but column 'topics' has 2 sets"):
        STEPS.check_row({"topics": ["a", ""]}, {"words": ["x"]})


def test_steps_are_those_of_a_sequence_that_keeps_them() -> None:
    text = options_class("features", "text").model_validate({"kind": "text"})
    tokens = options_class("features", "tokens").model_validate({"kind": "tokens"})
    assert STEPS.bound({"words": tokens}) == STEPS
    assert TASK.bound({"text": text}) == TASK
    with pytest.raises(ValueError, match="'words' is no sequence feature; those are: other"):
        STEPS.bound({"other": tokens})
    many = TASK.model_copy(update={"labels": [str(place) for place in range(501)]})
    with pytest.raises(ValueError, match="501 came, and at most 500"):
        many.bound({})


def test_labels_without_rows_to_learn_from_are_warned_of_and_no_labels_are_an_error() -> None:
    def counts(**splits: dict[str, int]) -> dict[str, dict[str, LabelCount]]:
        return {
            split: {
                label: LabelCount(rows, f"{split}.csv:{place}")
                for place, (label, rows) in enumerate(splits.get(split, {}).items(), start=2)
            }
            for split in ("train", "validate", "test")
        }

    found = TASK.label_problems(counts(train={"a": 5}, validate={"a": 1}, test={"a": 2, "b": 1}))
    assert found == (
        [],
        [
            "the test split has labels that the train split lacks (1 times): 'b' (test.csv:3); "
            "they count as missed"
        ],
    )
    many = dict.fromkeys("abcdefgh", 2)
    found = TASK.label_problems(counts(train=many, validate=many, test={"a": 1, "b": 1}))
    assert found == (
        [],
        [
            "the test split lacks labels that the train split has: 'c', 'd', 'e', 'f', 'g' and 1 "
            "more; they are not judged"
        ],
    )
    _, warnings = TASK.label_problems(counts(train={"a": 2, "b": 2}, validate={"b": 1}, test=many))
    assert warnings[-1] == (
        "the validate split lacks labels that the train split has: 'a'; they are not validated"
    )
    errors, _ = TASK.label_problems(counts(validate={"a": 1}))
    assert [error.split(": ")[1].partition(" has")[0] for error in errors] == [
        "no row of the train split",
        "no row of the test split",
    ]
    weighted = TASK.model_copy(update={"class_weights": {"d": 2.0}})
    errors, _ = weighted.label_problems(counts(train={"a": 5}, test={"a": 1}))
    assert errors == ["task.class_weights: 'd' is no label (there are 'a')"]
