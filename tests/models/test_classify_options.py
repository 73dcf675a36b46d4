"""Options of classification: what goes together, what is read, what labels stop a run."""

import re
from collections.abc import Callable

import pytest

from models.options import LabelCount
from models.raw import RawError
from models.tasks.classify import Options, graph

TASK = Options(kind="classify", label="sentiment")
LABELS = ["good", "bad", "so-so"]
SPLITS = ("train", "validate", "test")


def test_weights_of_labels_that_do_not_exist_are_refused(plain_learnt: Callable) -> None:
    task = Options(kind="classify", label="sentiment", class_weights={"bda": 2.0})
    said = "class_weights: 'bda' is no label; did you mean bad"
    with pytest.raises(ValueError, match=said):
        graph.loss(task, plain_learnt({"label": LABELS}), lambda: iter([]))
    even = {"good": 5, "bad": 4}
    errors, _ = task.label_problems(counts(train=even, validate=even, test=even))
    assert len(errors) == 1 and errors[0].startswith(f"task.{said}")
    assert "there are 'bad', 'good'" in errors[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"answer": "ordinal"}, "asks for labels:"),
        ({"answer": "ordinal", "labels": ["low"]}, "two at least"),
        ({"labels": ["good"]}, "one of two labels at least"),
        ({"labels": ["good", "good"]}, "'good' stands there twice"),
        ({"labels": ["good", ""]}, "'' is no label"),
        ({"labels": ["good", "two\nlines"]}, "is no label: it is a line"),
        ({"delimiter": ";"}, "delimiter: is for answer: multi, and the answer is single"),
        ({"threshold": 0.3}, "threshold: is for answer: multi"),
        ({"aligned_with": "words"}, "one label a step is task tag"),
        ({"threshold": 1.0, "answer": "multi"}, "less than 1"),
        ({"class_weights": {"good": 0.0}}, "greater than 0"),
        ({"class_weights": "equal"}, "'none' or 'balanced'"),
        (
            {"labels": LABELS, "class_weights": {"goood": 2.0}},
            "'goood' is no label; did you mean good",
        ),
        ({"labels": [True, False]}, "put them in quotes"),
        ({"answer": "many"}, "'single', 'multi' or 'ordinal'"),
    ],
)
def test_options_that_do_not_go_together_say_so(options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Options(kind="classify", label="sentiment", **options)


def test_names_that_are_numbers_need_no_quotes() -> None:
    named = {"labels": [1, 2], "class_weights": {1: 3.0}}
    task = Options(kind="classify", label="digit", **named)
    assert task.labels == ["1", "2"] and task.class_weights == {"1": 3.0}
    assert task.read({"digit": 2}) == {"digit": "2"}
    again = Options.model_validate_json(task.to_json())
    assert again == task
    assert Options(kind="classify", label="size", labels=[0.5, 1]).labels == ["0.5", "1"]


def test_a_label_that_is_not_among_those_stated_is_a_bad_row() -> None:
    task = Options(kind="classify", label="sentiment", labels=LABELS)
    assert task.read({"sentiment": "so-so"}) == {"sentiment": "so-so"}
    said = "'goood', and task.labels has no such label; did you mean good? (there are 'good', 'bad'"
    with pytest.raises(RawError, match=re.escape(said)):
        task.read({"sentiment": "goood"})


def test_what_reading_does_not_depend_on_ingests_nothing_anew() -> None:
    task = Options(kind="classify", label="sentiment", labels=LABELS)
    other = task.model_copy(update={"calibrate": False, "class_weights": "balanced"})
    assert task.for_reading() == other.for_reading()
    assert task.for_reading() != Options(kind="classify", label="sentiment").for_reading()


def counts(**by_split: dict[str, int]) -> dict[str, dict[str, LabelCount]]:
    return {
        split: {
            label: LabelCount(rows, f"{split}.csv:{position}")
            for position, (label, rows) in enumerate(by_split.get(split, {}).items(), start=2)
        }
        for split in SPLITS
    }


def test_labels_that_can_be_learnt_and_judged_raise_no_problem() -> None:
    even = {"good": 5, "bad": 4}
    assert TASK.label_problems(counts(train=even, validate=even, test=even)) == ([], [])


@pytest.mark.parametrize(("train", "found"), [({"good": 9}, "'good'"), ({}, "none")])
def test_fewer_than_two_labels_stop_the_run(train: dict[str, int], found: str) -> None:
    errors, _ = TASK.label_problems(counts(train=train))
    assert errors == [
        f"column 'sentiment': the train split needs at least two labels; found {found}"
    ]


@pytest.mark.parametrize("split", SPLITS)
def test_a_label_of_one_row_stops_the_run_and_is_located(split: str) -> None:
    even = {"good": 5, "bad": 4}
    by_split = {name: dict(even) for name in SPLITS}
    by_split[split]["odd"] = 1
    errors, warnings = TASK.label_problems(counts(**by_split))
    assert len(errors) == 1
    assert errors[0].startswith(f"{split}.csv:4: label 'odd' occurs in this row only")
    assert warnings == []


def test_a_label_missing_from_the_train_split_stops_the_run() -> None:
    even = {"good": 5, "bad": 4}
    errors, warnings = TASK.label_problems(
        counts(train=even, validate=even | {"odd": 1}, test=even | {"odd": 2})
    )
    assert errors == [
        "validate.csv:4: label 'odd' (3 rows) never occurs in the train split "
        "(add rows, or change data.split)"
    ]
    assert warnings == []


def test_a_label_that_cannot_be_judged_is_warned_of() -> None:
    train = {"good": 5, "bad": 4, "odd": 2}
    errors, warnings = TASK.label_problems(
        counts(train=train, validate={"good": 1, "odd": 1}, test={"good": 2, "bad": 1})
    )
    assert errors == []
    assert warnings == [
        "label 'bad' has no row in the validate split: it is not validated",
        "label 'odd' has no row in the test split: its quality is not judged",
    ]


def test_all_problems_are_told_at_once() -> None:
    errors, warnings = TASK.label_problems(
        counts(train={"good": 5, "bad": 2}, validate={"rare": 1}, test={"new": 2})
    )
    assert len(errors) == 3
    assert "every row of the test split has the label 'new'" in errors[0]
    assert len(warnings) == 4
