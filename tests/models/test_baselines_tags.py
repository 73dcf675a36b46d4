"""Baselines of a tagger: judged as the network is, whatever its head."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from components.baselines import tagging
from components.baselines.rows import Rows, Split
from models.features.text import Options as Text
from models.features.tokens import Options as Tokens
from models.tasks.tag import Options

LABELS, INTENTS = ["O", "B-city", "I-city"], ["fly", "ask"]
WORDS = [["to", "new", "york"], ["rome", "now"], ["to", "rome"]]
TAGS = [["O", "B-city", "I-city"], ["B-city", "O"], ["O", "B-city"]]
TASK = Options(
    kind="tag",
    label="tags",
    aligned_with="words",
    spans="bio",
    head="crf",
    sequence_label="intent",
)


class KnownRows(Rows):
    """Rows whose splits are given, the test split being like the train split."""

    def __init__(self, task: Options, learnt: Any) -> None:
        super().__init__("", "", {"words": Tokens(kind="tokens")}, task)
        targets = {"tags": TAGS, "intent": ["fly", "ask", "fly"]}
        split = Split([], {"words": WORDS}, targets, TAGS)
        names = LABELS + (INTENTS if task.sequence_label else [])
        self.__dict__ |= {"train": split, "test": split, "learnt": learnt, "label_names": names}


@pytest.fixture
def rows(plain_learnt: Callable) -> tagging.Rows:
    learnt = plain_learnt({"label": LABELS, "label.sequence": INTENTS})
    return tagging.softmax_rows(KnownRows(TASK, learnt))


def test_the_majority_label_finds_no_span_and_the_most_frequent_intent(rows: Rows) -> None:
    assert rows.task.head == "softmax"
    found = tagging.majority(rows)
    assert tuple(found) == rows.task.metric_names
    assert found["span_f1"] == 0.0 and found["token_accuracy"] == pytest.approx(3 / 7)
    assert found["sequence_label_accuracy"] == pytest.approx(2 / 3)


def test_each_tokens_label_finds_the_spans_that_a_token_shows(rows: Rows) -> None:
    found, parameters = tagging.token_labels(rows)
    assert found["span_f1"] == 1.0 and parameters > 0
    assert found["sentence_accuracy"] == pytest.approx(2 / 3), "the intent is wrong of one row"


def test_without_a_label_of_the_sequence_none_is_judged(plain_learnt: Callable) -> None:
    task = TASK.model_copy(update={"sequence_label": None, "spans": "none"})
    rows = tagging.softmax_rows(KnownRows(task, plain_learnt({"label": LABELS})))
    found, _ = tagging.token_labels(rows)
    assert found["token_accuracy"] == 1.0 and "sequence_label_accuracy" not in found
    assert np.isclose(tagging.majority(rows)["token_accuracy"], 3 / 7)


def test_steps_are_read_as_tokens_where_they_are_strings() -> None:
    texts = Text(kind="text", per_step=True)
    reader = tagging.tokens_reader({"words": texts}, TASK)
    assert reader is not None and reader(["new york", "now"]) == ["new york", "now"]
