"""Labels in order: the cumulative-link head, and metrics of ranks against their references."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, mean_absolute_error

from models.asked import Asked
from models.options import LabelCount
from models.tasks.classify import Options, graph
from models.tasks.classify.levels import CumulativeLink

LEVELS = ["low", "middle", "high", "extreme"]
TASK = Options(kind="classify", label="severity", answer="ordinal", labels=LEVELS)


def judged(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Statistics of rows; ``truth`` by rank."""
    outputs = graph.judged_outputs(TASK, tf.constant(scores), LEVELS, Asked({}, {}))
    given = {name: value.numpy() for name, value in outputs.items()}
    return graph.example_statistics(TASK, {"severity": np.array(LEVELS)[truth]}, given)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 60))
def test_metrics_equal_those_of_scikit_learn(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    truth, scores = random.integers(0, 4, rows), random.dirichlet(np.ones(4), rows)
    guessed = scores.argmax(axis=1)
    found = graph.summarise(TASK, judged(truth, scores).sum(axis=0))
    assert found["mean_absolute_error"] == pytest.approx(mean_absolute_error(truth, guessed))
    assert found["accuracy"] == pytest.approx((truth == guessed).mean())
    if len({*truth, *guessed}) > 1:
        kappa = cohen_kappa_score(truth, guessed, weights="quadratic", labels=range(4))
        assert found["quadratic_weighted_kappa"] == pytest.approx(kappa)
    else:
        assert np.isnan(found["quadratic_weighted_kappa"])


def test_levels_are_ranked_as_stated_whatever_their_frequency(
    plain_learnt: Callable, plain_analyzers: Callable
) -> None:
    learnt = plain_learnt({})
    assert graph.label_names(TASK, learnt) == LEVELS
    raw = {"severity": tf.constant(["high", "high", "extreme", "unheard of"])}
    found = graph.preprocess(TASK, raw, plain_analyzers({}))["label"]
    assert found.dtype == tf.int64 and found.numpy().tolist() == [2, 2, 3, -1]
    scores = graph.baseline(TASK, np.array([2, 2, 3]), learnt)["label"]
    np.testing.assert_allclose(scores, [1 / 7, 1 / 7, 3 / 7, 2 / 7])


@pytest.mark.parametrize("levels", [2, 3, 6])
def test_the_layer_is_the_difference_of_two_sigmoids(levels: int) -> None:
    layer = CumulativeLink(levels)
    inputs = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    layer(inputs)
    kernel, first, gaps = layer.kernel, layer.first, layer.gaps
    gaps.assign(np.linspace(-2.0, 2.0, levels - 2))
    widths = np.log1p(np.exp(gaps.numpy())) + 1e-4
    cuts = first.numpy() + np.concatenate([[0.0], np.cumsum(widths)])
    below = 1.0 / (1.0 + np.exp(-(cuts - inputs @ kernel.numpy())))
    edges = np.concatenate([np.zeros((20, 1)), below, np.ones((20, 1))], axis=1)
    np.testing.assert_allclose(layer(inputs), np.diff(edges, axis=1), atol=1e-6)
    again = CumulativeLink.from_config(layer.get_config())
    assert again.levels == levels


def test_rows_far_beyond_the_cut_points_still_have_gradients() -> None:
    layer = CumulativeLink(3)
    layer.build((None, 1))
    layer.kernel.assign([[1.0]])
    loss = keras.losses.SparseCategoricalCrossentropy()

    @tf.function
    def gradient(height: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss(tf.constant([0]), layer(height))
        return tape.gradient(value, layer.kernel)

    # At a height of 60 the lowest level has a probability that no float32 tells from 0.
    np.testing.assert_allclose(gradient(tf.constant([[60.0]])), [[60.0]], rtol=1e-4)


def test_the_layer_learns_levels_by_their_cut_points(plain_learnt: Callable) -> None:
    random = np.random.default_rng(0)
    height = random.uniform(-3.0, 3.0, 600).astype(np.float32)
    truth = np.digitize(height, [-2.0, 0.5, 1.0])
    keras.utils.set_random_seed(0)
    inputs = keras.Input([1])
    network = keras.Model(inputs, graph.head(TASK, inputs, plain_learnt({})))
    network.compile(
        keras.optimizers.Adam(0.1),
        loss=graph.loss(TASK, plain_learnt({}), None),
        metrics=graph.training_metrics(TASK, plain_learnt({})),
        jit_compile=False,
    )
    history = network.fit(height[:, None], truth, epochs=12, batch_size=64, verbose=0).history
    assert history["mean_absolute_error"][-1] < 0.12
    found = judged(truth, network(height[:, None]).numpy()).sum(axis=0)
    assert graph.summarise(TASK, found)["quadratic_weighted_kappa"] > 0.95


def test_a_level_of_no_row_is_warned_of_and_an_unknown_one_is_a_bad_row() -> None:
    rows = {level: LabelCount(9, "rows.csv:2") for level in LEVELS[:3]}
    found = TASK.label_problems(dict.fromkeys(("train", "validate", "test"), rows))
    assert found == (
        [],
        ["task.labels: 'extreme' stands there, but no row has it: it cannot be learnt"],
    )
    assert TASK.read({"severity": "middle"}) == {"severity": "middle"}
    with pytest.raises(ValueError, match=r"'lowe', and task\.labels has no such label"):
        TASK.read({"severity": "lowe"})
