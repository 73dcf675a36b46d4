"""Sets of labels, of rows and of steps: ids, losses, statistics, answers."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss

from models.asked import Asked
from models.layers.sequence import Sequence
from models.tasks.classify import Options, graph
from models.tasks.classify.sets import STEP, MicroF1, present_labels

LABELS = ["a", "b", "c"]
TASK = Options(kind="classify", label="topics", answer="multi")
STATED = TASK.model_copy(update={"labels": LABELS})
STEPS = Options(kind="classify", label="topics", answer="multi", aligned_with="words")


def test_sets_become_ids_and_steps_are_opened(plain_analyzers: Callable) -> None:
    raw = tf.constant(["a\nc", "", "b\nnew"])
    analyzers = plain_analyzers({"label": LABELS})
    found = graph.preprocess(TASK, {"topics": raw}, analyzers)["label"]
    assert found.to_list() == [[0, 2], [], [1, -1]]
    steps = tf.RaggedTensor.from_row_lengths(raw, [2, 1])
    found = graph.preprocess(STEPS, {"topics": steps}, analyzers)["label"]
    assert found.to_list() == [[STEP, 0, 2, STEP], [STEP, 1, -1]]
    assert found.dtype == tf.int64


def test_ids_become_sets_again() -> None:
    present, inside = present_labels(np.array([[0, 2], [-1, -1]]), tf.zeros([2, 3]))
    assert inside is None
    assert present.numpy().tolist() == [[1, 0, 1], [0, 0, 0]]
    ids = np.array([[STEP, 0, 2, STEP], [STEP, 1, -1, -1]])
    present, inside = present_labels(ids, tf.zeros([2, 3, 3]))
    assert inside.numpy().tolist() == [[1, 1, 0], [1, 0, 0]]
    assert present.numpy()[0].tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert present.numpy()[1].tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    none, _ = present_labels(np.zeros((2, 0)), tf.zeros([2, 3]))
    assert none.numpy().tolist() == [[0, 0, 0], [0, 0, 0]]


def drawn(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth bool and scores ``[rows, 3]``, and the truth as texts ``[rows]``."""
    random = np.random.default_rng(seed)
    truth = random.random((rows, 3)) < 0.4
    names = ["\n".join(np.array(LABELS)[row]) for row in truth]
    scores = random.random((rows, 3)).astype(np.float32)
    return truth, scores, np.array(names, object)


def served(task: Options, scores: np.ndarray, lengths: Any = None) -> dict[str, np.ndarray]:
    inputs = {} if lengths is None else {"words_length": tf.constant(lengths, tf.int32)}
    found = graph.judged_outputs(task, tf.constant(scores), LABELS, Asked(inputs, {}))
    return {name: value.numpy() for name, value in found.items()}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 40))
def test_metrics_equal_those_of_scikit_learn(seed: int, rows: int) -> None:
    truth, scores, names = drawn(seed, rows)
    found = graph.example_statistics(STATED, {"topics": names}, served(STATED, scores))
    assert found.shape == (rows, len(graph.statistics(STATED)))
    metrics = graph.summarise(STATED, found.sum(axis=0))
    guessed = scores >= 0.5
    if truth.any() or guessed.any():
        assert metrics["micro_f1"] == pytest.approx(f1_score(truth, guessed, average="micro"))
        there = np.flatnonzero((truth | guessed).any(axis=0))
        macro = f1_score(truth[:, there], guessed[:, there], average="macro")
        assert metrics["macro_f1"] == pytest.approx(macro)
    expected = f1_score(truth, guessed, average="samples", zero_division=1.0)
    assert metrics["example_f1"] == pytest.approx(expected)
    assert metrics["exact_match"] == pytest.approx((truth == guessed).all(axis=1).mean())
    expected = log_loss(truth.ravel(), scores.ravel().astype(float), labels=[False, True])
    assert metrics["log_loss"] == pytest.approx(expected, rel=1e-5)


def test_steps_are_judged_as_their_sets_would_be_alone() -> None:
    _, scores, names = drawn(2, 6)
    alone = graph.example_statistics(TASK, {"topics": names}, served(TASK, scores))
    two = scores.reshape(2, 3, 3)
    steps = graph.example_statistics(
        STEPS, {"topics": names.reshape(2, 3)}, served(STEPS, two, [3, 3])
    )
    np.testing.assert_allclose(steps.sum(axis=0), alone.sum(axis=0))
    # Padding behind the steps changes nothing.
    padded = np.concatenate([two, np.full((2, 2, 3), 0.9, np.float32)], axis=1)
    again = graph.example_statistics(
        STEPS, {"topics": names.reshape(2, 3)}, served(STEPS, padded, [3, 3])
    )
    np.testing.assert_array_equal(again, steps)
    with pytest.raises(ValueError, match="steps were answered, where rows have 3"):
        graph.example_statistics(
            STEPS, {"topics": names.reshape(2, 3)}, served(STEPS, padded, [3, 4])
        )


def test_a_label_that_is_not_served_is_missed() -> None:
    scores = np.array([[0.9, 0.1, 0.1]], np.float32)
    sums = graph.example_statistics(TASK, {"topics": np.array(["a\nnew"])}, served(TASK, scores))
    metrics = graph.summarise(TASK, sums[0])
    assert metrics["micro_f1"] == metrics["example_f1"] == pytest.approx(2 / 3)
    assert metrics["exact_match"] == 0.0
    expected = (-3 * np.log(0.9) - np.log(1e-7)) / 4
    assert metrics["log_loss"] == pytest.approx(expected, rel=1e-5)


def test_clients_get_the_labels_above_the_threshold_the_likeliest_first() -> None:
    scores = tf.constant([[0.6, 0.2, 0.9], [0.1, 0.5, 0.2], [0.1, 0.1, 0.1]])
    outputs = graph.served_outputs(TASK, scores, LABELS, Asked({}, {}))
    found = {name: value.numpy() for name, value in outputs.items()}
    assert list(found) == ["answer", "answer_length", "labels", "scores"]
    assert found["answer"].tolist() == [[b"c", b"a", b""], [b"b", b"", b""], [b""] * 3]
    assert found["answer_length"].tolist() == [2, 1, 0]
    assert found["labels"].tolist() == [[b"a", b"b", b"c"]] * 3
    sure = TASK.model_copy(update={"threshold": 0.7})
    assert served(sure, found["scores"])["answer_length"].tolist() == [1, 0, 0]


def test_clients_get_an_answer_a_step() -> None:
    scores = np.full((2, 2, 3), 0.8, np.float32)
    found = served(STEPS, scores, [2, 1])
    assert found["answer_length"].tolist() == [[3, 3], [3, 0]]
    assert found["answer"].shape == (2, 2, 3) and not found["answer"][1, 1].any()
    assert found["length"].tolist() == [2, 1]
    assert found["scores"][1, 1].tolist() == [0.0] * 3


def test_loss_is_the_mean_over_labels_and_over_steps_within_the_length(
    plain_learnt: Callable,
) -> None:
    learnt = plain_learnt({"label": LABELS})
    loss = graph.loss(TASK, learnt, None)
    truth, scores, _ = drawn(4, 5)
    ids = np.where(truth, np.arange(3), -1)
    expected = keras.losses.BinaryCrossentropy()(truth.astype(np.float32), scores)
    assert float(loss(ids, scores)) == pytest.approx(float(expected), rel=1e-5)
    of_steps = np.concatenate([[STEP, *row[row >= 0]] for row in ids])[None]
    padded = np.concatenate([scores, np.full((3, 3), 0.7, np.float32)])[None]
    assert float(loss(of_steps, padded)) == pytest.approx(float(expected), rel=1e-5)
    metric = MicroF1()
    metric.update_state(of_steps, padded)
    assert float(metric.result()) == pytest.approx(
        f1_score(truth, scores >= 0.5, average="micro"), rel=1e-5
    )


@pytest.mark.parametrize("task", [TASK, STEPS])
def test_balanced_weights_give_both_halves_of_a_label_the_same(
    task: Options, plain_learnt: Callable
) -> None:
    balanced = task.model_copy(update={"class_weights": "balanced"})
    rows = [np.array(row, int) for row in ([0], [0], [0, 1], [])]
    if task is STEPS:
        rows = [np.concatenate([[STEP, *row] for row in rows]).astype(int)]
    loss = graph.loss(balanced, plain_learnt({"label": LABELS}), lambda: iter(rows))
    # Absent, present: a 1 and 3 of 4, b 3 and 1, c 4 and none.
    np.testing.assert_allclose(loss.weights, [[2, 2 / 3], [2 / 3, 2], [1 / 2, 2]])
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    scores = np.full((1, 3), 0.5, np.float32)
    expected = np.log(2) * (2 / 3 + 2 / 3 + 1 / 2) / 3
    assert float(again(np.array([[0]]), scores)) == pytest.approx(expected, rel=1e-5)
    named = task.model_copy(update={"class_weights": {"b": 5.0}})
    loss = graph.loss(named, plain_learnt({"label": LABELS}), lambda: iter(rows))
    assert loss.weights == [[1, 1], [5, 5], [1, 1]]


@pytest.mark.parametrize("task", [TASK, STEPS])
def test_the_baseline_answers_the_set_with_the_best_f1(
    task: Options, plain_learnt: Callable
) -> None:
    sets = [[0, 1], [0], [0, 1], [1], [0, 2], []]
    rows = [np.array(row, int) for row in sets]
    if task is STEPS:
        rows = [np.concatenate([[STEP, *row] for row in rows]).astype(int)]
    scores = graph.baseline(task, iter(rows), plain_learnt({"label": LABELS}))["label"]
    best = max(
        (
            f1_score(
                np.array([[label in row for label in range(3)] for row in sets]),
                np.tile(np.arange(3) < many, (6, 1)),
                average="micro",
            ),
            many,
        )
        for many in range(1, 4)
    )
    assert best[1] == 2
    np.testing.assert_allclose(scores, [[5 / 8, 4 / 8, 2 / 8], [1, 1, 0]])
    words = tf.zeros([2, 4])
    asked = Asked({"words": words, "words_length": tf.constant([4, 3])}, {})
    given = graph.baseline_scores(task, {"label": scores}, asked)
    assert given.scores.shape == ((2, 3) if task is TASK else (2, 4, 3))
    # What is answered does not depend on the threshold.
    sure = task.model_copy(update={"threshold": 0.99})
    outputs = graph.judged_outputs(sure, given, LABELS, asked)
    assert outputs["answer"].numpy()[0].ravel()[:3].tolist() == [b"a", b"b", b""]
    assert outputs["answered"].numpy().sum() == 2 * (2 if task is TASK else 7)


def test_one_temperature_is_fitted_on_the_steps_within_the_length() -> None:
    random = np.random.default_rng(0)
    honest = random.uniform(0.05, 0.95, (200, 5, 3))
    truth = random.random(honest.shape) < honest
    logits = np.log(honest / (1 - honest))
    scores = (1 / (1 + np.exp(-2.5 * logits))).astype(np.float32)
    ids = [np.concatenate([[STEP, *np.flatnonzero(step)] for step in row]) for row in truth]
    padded = np.full((200, max(map(len, ids))), -1)
    for row, found in enumerate(ids):
        padded[row, : len(found)] = found
    wide = np.concatenate([scores, np.ones((200, 2, 3), np.float32)], axis=1)

    class Network:
        def predict_on_batch(self, inputs: np.ndarray) -> np.ndarray:
            return wide[inputs]

    places = np.arange(200)
    found = graph.calibration(
        STEPS, Network(), [(places[:80], padded[:80]), (places[80:], padded[80:])]
    )
    assert found["temperature"] == pytest.approx(2.5, rel=0.15)
    cooled = graph.calibrated(STEPS, tf.constant(scores), found).numpy()
    np.testing.assert_array_equal(cooled >= 0.5, scores >= 0.5)
    assert np.abs(cooled - honest).mean() < 0.02


def test_the_head_answers_rows_and_steps(plain_learnt: Callable) -> None:
    learnt = plain_learnt({"label": LABELS})
    row, steps = keras.Input([4]), keras.Input([None, 4])
    assert graph.head(TASK, row, learnt).shape == (None, 3)
    found = graph.head(STEPS, Sequence(steps, keras.Input([], dtype="int32")), learnt)
    assert found.shape == (None, None, 3)
