"""The corpus whose labels only the order of words tells."""

import json
from collections import Counter

import numpy as np
import pytest

from pipeline.corpora.word_order import FILLERS, FIRST, SECOND, json_lines, rows

LABELS = [f"{FIRST} first", f"{SECOND} first"]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 500])
def test_half_of_the_rows_have_each_label(count: int) -> None:
    labels = Counter(row["label"] for row in rows(count))
    assert labels.total() == count
    assert abs(labels[LABELS[0]] - labels[LABELS[1]]) == count % 2
    assert set(labels) <= set(LABELS)


def test_a_seed_gives_the_same_rows_and_another_one_others() -> None:
    assert list(rows(100, seed=4)) == list(rows(100, seed=4))
    assert list(rows(100)) == list(rows(100, seed=0))
    assert list(rows(100, seed=4)) != list(rows(100, seed=5))
    assert list(rows(100)) == list(rows(200))[:100]


def test_the_label_is_the_word_that_comes_first() -> None:
    for row in rows(500):
        assert set(row) == {"text", "label"}
        words = row["text"].split(" ")
        assert words.count(FIRST) == words.count(SECOND) == 1
        first = min((FIRST, SECOND), key=words.index)
        assert row["label"] == f"{first} first"
        others = [word for word in words if word not in (FIRST, SECOND)]
        assert 2 <= len(others) <= 10
        assert set(others) <= set(FILLERS)


def test_the_fillers_name_neither_word() -> None:
    assert len(set(FILLERS)) == len(FILLERS)
    assert not {FIRST, SECOND} & set(FILLERS)


def test_words_and_lengths_are_as_frequent_under_either_label() -> None:
    count = 8000
    words: dict[str, Counter[str]] = {label: Counter() for label in LABELS}
    lengths: dict[str, list[int]] = {label: [] for label in LABELS}
    for row in rows(count):
        text = row["text"].split()
        words[row["label"]].update(text)
        lengths[row["label"]].append(len(text))
    assert np.mean(lengths[LABELS[0]]) == pytest.approx(np.mean(lengths[LABELS[1]]), abs=0.25)
    for filler in FILLERS:
        few, many = sorted(words[label][filler] for label in LABELS)
        assert many - few < 5 * np.sqrt(many + few), filler


def test_sorted_words_do_not_tell_the_label() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    given = [(sorted(row["text"].split()), row["label"]) for row in rows(4000)]
    texts = [" ".join(words) for words, _ in given]
    labels = [label for _, label in given]
    model = make_pipeline(
        CountVectorizer(token_pattern=r"\S+", ngram_range=(1, 2)),
        LogisticRegression(max_iter=300),
    )
    model.fit(texts[:2000], labels[:2000])
    assert model.score(texts[2000:], labels[2000:]) == pytest.approx(0.5, abs=0.06)


def test_where_the_words_stand_does_not_tell_the_label() -> None:
    places = {label: [] for label in LABELS}
    for row in rows(4000):
        words = row["text"].split()
        places[row["label"]].append(sorted((words.index(FIRST), words.index(SECOND))))
    first, second = (np.mean(places[label], axis=0) for label in LABELS)
    np.testing.assert_allclose(first, second, atol=0.3)


def test_json_lines_are_the_rows() -> None:
    text = json_lines(20, seed=3)
    assert text.endswith("\n")
    assert [json.loads(line) for line in text.splitlines()] == list(rows(20, seed=3))
    assert json_lines(0) == ""
