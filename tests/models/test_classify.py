"""One label a row: statistics against scikit-learn, weights, calibration, served outputs."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.utils.class_weight import compute_class_weight

from models.asked import Asked
from models.tasks.classify import Options, graph
from models.tasks.names import SMALLEST_PROBABILITY

TASK = Options(kind="classify", label="sentiment")
LABELS = ["good", "bad", "so-so"]


def outputs(scores: np.ndarray, labels: list[str]) -> dict[str, np.ndarray]:
    """Served outputs by NumPy, bytes as TensorFlow gives them."""
    names = np.array([label.encode() for label in labels], object)
    return {
        "label": names[scores.argmax(axis=1)],
        "score": scores.max(axis=1),
        "labels": np.broadcast_to(names, scores.shape),
        "scores": scores,
    }


def drawn(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """True labels by name, and scores ``[rows, 3]``."""
    random = np.random.default_rng(seed)
    return random.choice(LABELS, rows), random.dirichlet(np.ones(3), rows)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 60))
def test_metrics_equal_those_of_scikit_learn(seed: int, rows: int) -> None:
    truth, scores = drawn(seed, rows)
    statistics = graph.example_statistics(
        TASK, {"sentiment": truth.astype(bytes)}, outputs(scores, LABELS)
    )
    assert statistics.shape == (rows, len(graph.statistics(TASK)))
    metrics = graph.summarise(TASK, statistics.sum(axis=0))
    guessed = [LABELS[i] for i in scores.argmax(axis=1)]
    assert metrics["accuracy"] == pytest.approx(accuracy_score(truth, guessed))
    clipped = np.clip(scores, SMALLEST_PROBABILITY, 1.0)
    order = np.argsort(LABELS)
    expected = log_loss(truth, clipped[:, order], labels=sorted(LABELS))
    assert metrics["log_loss"] == pytest.approx(expected, rel=1e-5)


def test_rows_add_up_whatever_way_they_are_cut() -> None:
    truth, scores = drawn(3, 30)
    whole = graph.example_statistics(
        TASK, {"sentiment": truth.astype(bytes)}, outputs(scores, LABELS)
    )
    parts = [
        graph.example_statistics(
            TASK, {"sentiment": truth[i : i + 1].astype(bytes)}, outputs(one, LABELS)
        )
        for i, one in enumerate(scores[:, None, :])
    ]
    np.testing.assert_allclose(np.concatenate(parts), whole)


def test_labels_are_read_as_bytes_and_as_text() -> None:
    scores = np.array([[0.7, 0.2, 0.1]])
    for truth in (np.array(["good"]), np.array([b"good"]), np.array([b"good"], object)):
        row = graph.example_statistics(TASK, {"sentiment": truth}, outputs(scores, LABELS))
        np.testing.assert_allclose(row[:, :3], [[1.0, 1.0, -np.log(0.7)]])


def test_labels_outside_ascii_are_read_as_text_too() -> None:
    scores = np.array([[0.7, 0.3]])
    for truth in (np.array(["größer"]), np.array(["größer"], object)):
        row = graph.example_statistics(
            TASK, {"sentiment": truth}, outputs(scores, ["größer", "小"])
        )
        np.testing.assert_allclose(row[:, :3], [[1.0, 1.0, -np.log(0.7)]])


def test_labels_outside_ascii_are_read_as_bytes() -> None:
    scores = np.array([[0.3, 0.7]])
    truth = np.array(["小".encode()], object)
    row = graph.example_statistics(TASK, {"sentiment": truth}, outputs(scores, ["größer", "小"]))
    np.testing.assert_allclose(row[:, :3], [[1.0, 1.0, -np.log(0.7)]])


@pytest.mark.parametrize("unknown", [b"never seen", b"", b"goo", b"goodness"])
def test_a_label_that_is_not_served_counts_as_wrong(unknown: bytes) -> None:
    scores = np.array([[0.7, 0.2, 0.1]])
    row = graph.example_statistics(
        TASK, {"sentiment": np.array([unknown])}, outputs(scores, LABELS)
    )
    np.testing.assert_allclose(row[:, :3], [[1.0, 0.0, -np.log(SMALLEST_PROBABILITY)]])


def test_a_probability_of_nothing_has_a_finite_loss() -> None:
    scores = np.array([[1.0, 0.0, 0.0]])
    row = graph.example_statistics(TASK, {"sentiment": np.array([b"bad"])}, outputs(scores, LABELS))
    assert np.isfinite(row).all()
    assert row[0, 2] == pytest.approx(-np.log(SMALLEST_PROBABILITY))


def test_metrics_of_many_sums_come_at_once_and_none_of_no_row() -> None:
    sums = np.zeros((2, len(graph.statistics(TASK))))
    sums[0, :3] = 4.0, 3.0, 2.0
    metrics = graph.summarise(TASK, sums)
    assert metrics["accuracy"][0] == 0.75
    assert metrics["log_loss"][0] == 0.5
    assert np.isnan(metrics["accuracy"][1])
    assert np.isnan(metrics["log_loss"][1])


ANSWERS = {
    "single": {},
    "single of stated labels": {"labels": LABELS},
    "multi": {"answer": "multi"},
    "multi of stated labels": {"answer": "multi", "labels": LABELS},
    "ordinal": {"answer": "ordinal", "labels": LABELS},
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_the_options_promise_is_what_the_graph_gives(answer: str) -> None:
    task = Options(kind="classify", label="sentiment", **ANSWERS[answer])
    names = graph.statistics(task)
    assert len(set(names)) == len(names)
    metrics = graph.summarise(task, np.ones(len(names)))
    assert tuple(metrics) == task.metric_names
    assert set(task.metric_names) <= set(task.higher_is_better)
    assert task.release_metric in task.metric_names
    shown = tuple(metric.name for metric in graph.training_metrics(task, None))
    assert shown == task.training_metrics
    nothing = graph.summarise(task, np.zeros((2, len(names))))
    assert all(np.isnan(value).all() and value.shape == (2,) for value in nothing.values())


def test_labels_that_are_stated_have_a_macro_f1() -> None:
    task = Options(kind="classify", label="sentiment", labels=[*LABELS, "never there"])
    truth, scores = drawn(5, 40)
    statistics = graph.example_statistics(
        task, {"sentiment": truth.astype(bytes)}, outputs(scores, LABELS)
    )
    guessed = [LABELS[i] for i in scores.argmax(axis=1)]
    # A label that is neither there nor answered has no F1, and the others are what counts.
    expected = f1_score(truth, guessed, average="macro", labels=LABELS)
    assert graph.summarise(task, statistics.sum(axis=0))["macro_f1"] == pytest.approx(expected)
    one = statistics[(truth == "good") & (np.array(guessed) == "good")]
    assert graph.summarise(task, one.sum(axis=0))["macro_f1"] == 1.0


@pytest.mark.parametrize("weights", ["balanced", {"bad": 3.0}])
def test_weighted_loss_is_that_of_keras_with_class_weights(
    weights: object, plain_learnt: Callable
) -> None:
    task = Options(kind="classify", label="sentiment", class_weights=weights)
    random = np.random.default_rng(0)
    labels, inputs = random.choice(3, 50, p=[0.7, 0.2, 0.1]), random.normal(size=(50, 4))
    # As scikit-learn has it.
    by_label = (
        compute_class_weight("balanced", classes=np.arange(3), y=labels)
        if weights == "balanced"
        else [1.0, 3.0, 1.0]
    )
    loss = graph.loss(task, plain_learnt({"label": LABELS}), lambda: iter(labels))
    network = keras.Sequential([keras.Input([4]), keras.layers.Dense(3, activation="softmax")])
    network.compile(loss=keras.losses.SparseCategoricalCrossentropy(), jit_compile=False)
    held = {"sample_weight": np.take(by_label, labels), "verbose": 0, "batch_size": 50}
    expected = network.evaluate(inputs, labels, **held)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    network.compile(loss=again, jit_compile=False)
    assert network.evaluate(inputs, labels, verbose=0, batch_size=50) == pytest.approx(
        expected, rel=1e-5
    )


def test_a_network_that_is_only_measured_needs_no_labels() -> None:
    for options in ANSWERS.values():
        task = Options(kind="classify", label="x", class_weights="balanced", **options)
        assert graph.loss(task, None, None).get_config().get("weights") is None


def test_calibrated_scores_keep_their_order_and_are_what_the_fit_promised() -> None:
    random = np.random.default_rng(1)
    logits = 4.0 * random.normal(size=(300, 3))
    labels = np.array([random.choice(3, p=row) for row in softmax(logits / 3.0, axis=1)])
    scores = softmax(logits, axis=1).astype(np.float32)

    class Network:
        def predict_on_batch(self, inputs):
            return scores[inputs]

    batches = [(np.arange(100), labels[:100]), (np.arange(100, 300), labels[100:])]
    found = graph.calibration(TASK, Network(), batches)
    assert 2.0 < found["temperature"] < 4.5
    assert found["log_loss_after"] < found["log_loss_before"]
    assert found["calibration_error_after"] < found["calibration_error_before"] / 2
    served = graph.calibrated(TASK, tf.constant(scores), found).numpy()
    np.testing.assert_array_equal(served.argmax(axis=1), scores.argmax(axis=1))
    np.testing.assert_allclose(served.sum(axis=1), 1.0, rtol=1e-5)
    assert -np.log(served[np.arange(300), labels]).mean() == pytest.approx(
        found["log_loss_after"], rel=1e-4
    )
    off = TASK.model_copy(update={"calibrate": False})
    assert graph.calibration(off, Network(), batches) == {}


def test_the_baseline_answers_with_the_frequencies_of_the_labels(plain_learnt: Callable) -> None:
    learnt = plain_learnt({"label": LABELS})
    labels = np.array([0, 0, 0, 2, -1, 0], np.int64)
    scores = graph.baseline(TASK, labels, learnt)["label"]
    np.testing.assert_allclose(scores, [5 / 8, 1 / 8, 2 / 8])
    assert scores.dtype == np.float32
    none = graph.baseline(TASK, np.zeros(0, np.int64), learnt)["label"]
    np.testing.assert_allclose(none, [1 / 3] * 3, rtol=1e-6)


def test_raw_labels_become_their_rank_and_unknown_ones_stay_outside(
    plain_analyzers: Callable,
) -> None:
    found = graph.preprocess(
        TASK, {"sentiment": tf.constant(["bad", "good", "new"])}, plain_analyzers({"label": LABELS})
    )
    assert found["label"].numpy().tolist() == [1, 0, -1]


def test_clients_get_names_and_scores_not_indices() -> None:
    scores = tf.constant([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05]])
    served = {
        name: value.numpy()
        for name, value in graph.served_outputs(TASK, scores, LABELS, Asked({}, {})).items()
    }
    assert list(served) == ["label", "score", "labels", "scores"]
    assert served["label"].tolist() == [b"bad", b"good"]
    np.testing.assert_allclose(served["score"], [0.5, 0.9])
    assert served["labels"].tolist() == [[label.encode() for label in LABELS]] * 2
    np.testing.assert_array_equal(served["scores"], scores)
    empty = graph.served_outputs(TASK, tf.zeros([0, 3]), LABELS, Asked({}, {}))
    assert empty["label"].shape == (0,)
    assert empty["labels"].shape == (0, 3)


def test_served_outputs_of_names_outside_ascii_are_utf8() -> None:
    served = graph.served_outputs(
        TASK, tf.constant([[0.1, 0.9]]), ["größer", "小さい"], Asked({}, {})
    )
    assert served["label"].numpy()[0].decode("utf-8") == "小さい"
