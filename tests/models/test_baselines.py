"""TF-IDF with logistic regression: learns what words tell, the same each time."""

import random

import pytest

from models.baselines import tfidf_logistic_regression

SHARED = ["the", "film", "was", "seen", "on", "monday"]
TELLING = {"good": ["fine", "superb"], "bad": ["dull", "awful"], "odd": ["weird", "strange"]}


def toy(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts with one telling word each, anywhere among words that tell nothing."""
    source = random.Random(seed)
    texts, labels = [], []
    for row in range(count):
        label = sorted(TELLING)[row % len(TELLING)]
        words = [*source.choices(SHARED, k=5), source.choice(TELLING[label])]
        source.shuffle(words)
        texts.append(" ".join(words))
        labels.append(label)
    return texts, labels


def test_words_that_tell_the_label_are_learnt() -> None:
    texts, labels = toy(60, seed=1)
    assert tfidf_logistic_regression(*toy(240, seed=0), texts) == labels


def test_pairs_of_words_that_tell_the_label_are_learnt() -> None:
    train = ["dog then cat", "cat then dog"] * 20
    labels = ["dog first", "cat first"] * 20
    test = ["cat then dog", "dog then cat"]
    assert tfidf_logistic_regression(train, labels, test) == ["cat first", "dog first"]


def test_answers_are_the_same_each_time() -> None:
    texts, labels = toy(90, seed=2)
    noisy = labels[1:] + labels[:1]
    labels = labels[:45] + noisy[45:]
    unseen, _ = toy(50, seed=3)
    first = tfidf_logistic_regression(texts, labels, unseen)
    assert tfidf_logistic_regression(texts, labels, unseen) == first
    assert set(first) <= set(labels)


def test_a_text_of_unknown_words_gets_a_label_too() -> None:
    texts, labels = toy(60, seed=0)
    answers = tfidf_logistic_regression(texts, labels, ["", "qwertz uiop", "superb"])
    assert len(answers) == 3
    assert set(answers) <= set(labels)
    assert answers[2] == "good"


def test_no_more_words_are_kept_than_asked_for() -> None:
    train = ["often fine"] * 9 + ["often dull"] * 9 + ["often often fine"] * 2
    labels = ["good"] * 9 + ["bad"] * 9 + ["good"] * 2
    wide = tfidf_logistic_regression(train, labels, ["fine", "dull"])
    narrow = tfidf_logistic_regression(train, labels, ["fine", "dull"], largest_vocabulary=1)
    assert wide == ["good", "bad"]
    assert len(set(narrow)) == 1


def test_labels_are_given_back_as_text() -> None:
    texts, labels = toy(60, seed=0)
    answers = tfidf_logistic_regression(texts, labels, texts[:3])
    assert all(isinstance(answer, str) for answer in answers)


def test_texts_without_their_labels_are_refused() -> None:
    texts, labels = toy(60, seed=0)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        tfidf_logistic_regression(texts, labels[:-1], texts)
