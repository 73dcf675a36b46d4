"""Spans are those of conlleval, whoever counts them, and answers keep to their scheme."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities

from models.layers.crf import NOTHING, Chain, best_labels
from models.options import LabelCount
from models.tasks.tag import Options, judging
from models.tasks.tag.problems import label_problems
from models.tasks.tag.schemes import fits, recognised
from models.tasks.tag.spans import allowed, spans_of
from models.tasks.tag.watched import SpanF1

LABELS = ["O", *(f"{prefix}-{name}" for name in ("PER", "a-b") for prefix in "BIES")]
ROWS = st.lists(st.lists(st.sampled_from(LABELS), min_size=1, max_size=9), min_size=1, max_size=5)
TASK = Options(kind="tag", label="tags", aligned_with="words", spans="bioes", constrained=False)


def answered_to(rows: list[list[str]], random: np.random.Generator) -> list[list[str]]:
    """Some of the labels changed."""
    return [
        [label if random.random() < 0.7 else str(random.choice(LABELS)) for label in row]
        for row in rows
    ]


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_spans_of_any_labels_are_those_of_seqeval(rows: list[list[str]]) -> None:
    for row in rows:
        expected = {(start, end + 1, name) for name, start, end in get_entities(row)}
        assert spans_of(row) == expected


@pytest.mark.filterwarnings("ignore:.*ill-defined:UserWarning")
@settings(max_examples=25, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 1000))
def test_metrics_are_those_of_seqeval(rows: list[list[str]], seed: int) -> None:
    answers = answered_to(rows, np.random.default_rng(seed))
    sums = np.zeros(len(judging.statistics(TASK)))
    for truth, answer in zip(rows, answers, strict=True):
        outputs = {
            "labels": np.array([answer], object),
            "length": np.array([len(answer)]),
            "names": np.array([LABELS], object),
            "all_scores": np.zeros((1, len(answer), len(LABELS))),
        }
        targets = {"tags": np.array([truth], object)}
        sums += judging.example_statistics(TASK, targets, outputs)[0]
    found = judging.summarise(TASK, sums)
    for name, expected in (
        ("span_f1", f1_score),
        ("span_precision", precision_score),
        ("span_recall", recall_score),
    ):
        assert found[name] == pytest.approx(expected(rows, answers))
    same = [truth == answer for truth, answer in zip(rows, answers, strict=True)]
    assert found["sentence_accuracy"] == pytest.approx(np.mean(same))


def padded(rows: list[list[str]]) -> np.ndarray:
    width = max(map(len, rows)) + 1
    return np.array(
        [[LABELS.index(label) for label in row] + [-1] * (width - len(row)) for row in rows]
    )


@settings(max_examples=25, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 1000))
def test_what_is_watched_while_training_is_the_same_f1(rows: list[list[str]], seed: int) -> None:
    answers = answered_to(rows, np.random.default_rng(seed))
    metric = SpanF1(TASK, LABELS)
    # Labels in the padding are no spans.
    scores = np.eye(len(LABELS), dtype=np.float32)[
        np.where(padded(answers) < 0, 1, padded(answers))
    ]
    metric.update_state(padded(rows), scores)
    truth, found = (
        {(place, *span) for place, row in enumerate(group) for span in spans_of(row)}
        for group in (rows, answers)
    )
    expected = 2 * len(truth & found) / max(len(truth) + len(found), 1)
    assert float(metric.result()) == pytest.approx(expected)


def test_a_metric_is_saved_with_all_that_it_knows() -> None:
    metric = SpanF1(TASK, LABELS)
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert again.options == TASK and again.labels == LABELS and again.name == "span_f1"


def is_valid(row: tuple[str, ...], scheme: str) -> bool:
    """Whether a scheme allows labels: those of its spans are the same."""
    again = ["O"] * len(row)
    for start, end, name in spans_of(row):
        again[start:end] = [f"I-{name}"] * (end - start)
        again[start] = f"B-{name}"
        if scheme == "bioes":
            again[end - 1] = f"{'S' if end - start == 1 else 'E'}-{name}"
    return list(row) == again


@pytest.mark.parametrize("scheme", ["bio", "bioes"])
def test_exactly_what_the_scheme_has_is_allowed(scheme: str) -> None:
    labels = [label for label in LABELS if fits(label, scheme)]
    rules = allowed(labels, scheme)
    for row in itertools.product(range(len(labels)), repeat=3):
        score = rules.starts[row[0]] + rules.ends[row[-1]]
        score += sum(rules.transitions[pair] for pair in itertools.pairwise(row))
        assert (score == 0) == is_valid(tuple(labels[place] for place in row), scheme)


def test_the_best_answer_that_is_allowed_is_given() -> None:
    labels = ["O", "B-X", "I-X"]
    rules = allowed(labels, "bio")
    emissions = np.log([[[0.45, 0.1, 0.45], [0.1, 0.1, 0.8], [0.5, 0.2, 0.3]]]).astype(np.float32)
    lengths = np.array([3], np.int32)
    best = best_labels(Chain(emissions, *rules), lengths)
    assert np.asarray(best).tolist() == [[1, 2, 0]]


def test_types_that_cannot_keep_to_the_scheme_are_left_free() -> None:
    rules = allowed(["O", "I-X", "B-Y", "I-Y"], "bio")
    assert rules.transitions[0].tolist() == [0, 0, 0, np.float32(NOTHING)]
    assert rules.starts.tolist() == [0, 0, 0, np.float32(NOTHING)]


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        ({"O", "B-X", "I-X"}, "bio"),
        ({"B-X"}, "bio"),
        ({"O", "B-X", "E-X", "S-Y"}, "bioes"),
        ({"O", "I-X"}, None),
        ({"O", "B-X", "up"}, None),
        ({"up", "down"}, None),
        ({"O", "B-"}, None),
    ],
)
def test_schemes_are_recognised(labels: set[str], scheme: str | None) -> None:
    assert recognised(labels) == scheme


def counted(*labels: str) -> dict[str, dict[str, LabelCount]]:
    one = {label: LabelCount(2, f"{place}") for place, label in enumerate(labels)}
    return {"train": one, "validate": one, "test": one}


@pytest.mark.parametrize(
    ("spans", "labels", "said"),
    [
        ("bio", ("O", "B-X", "I-X"), None),
        ("bioes", ("O", "B-X", "E-X", "S-X"), None),
        ("none", ("up", "down"), None),
        ("none", ("O", "B-X", "I-X"), "look like spans in bio, .*write spans: bio in task"),
        ("bio", ("O", "B-X", "E-X"), r"none of bio, .*'E-X' \(2\) \(write spans: bioes; "),
        ("bio", ("O", "B-X", "up"), r"none of bio, .*'up' \(2\) \(correct them, or write spans: "),
    ],
)
def test_labels_of_another_scheme_are_told(spans: str, labels: tuple, said: str | None) -> None:
    errors, warnings = label_problems("tags", spans, counted(*labels))
    assert len(errors) == (said is not None and spans != "none")
    assert len(warnings) == (said is not None and spans == "none")
    if said:
        import re

        assert re.search(said, (errors + warnings)[0])


def test_a_table_has_a_row_for_each_type() -> None:
    truth = [["B-PER", "E-PER", "O", "S-a-b"], ["S-PER", "O", "O", "O"]]
    answer = [["B-PER", "E-PER", "O", "S-PER"], ["O", "O", "S-a-b", "O"]]
    targets = {"tags": np.array(truth, object)}
    table = judging.example_table(TASK, targets, {"labels": np.array(answer, object)})
    assert {name: counts.tolist() for name, counts in table.items()} == {
        "PER": [2, 2, 1],
        "a-b": [1, 1, 0],
    }
    assert judging.table_row(TASK, table["PER"]) == {
        "precision": 0.5,
        "recall": 0.5,
        "f1": 0.5,
        "count": 2,
    }
    assert judging.table_row(TASK, np.zeros(3))["f1"] == 0.0
    plain = TASK.model_copy(update={"spans": "none"})
    by_label = judging.example_table(plain, targets, {"labels": np.array(answer, object)})
    assert by_label["O"].tolist() == [4, 4, 3]
