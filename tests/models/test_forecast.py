"""Forecast: what is learnt from, what is served, and the trivial baseline beside it."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.asked import Asked
from models.features.series import Options as Series
from models.spec import NetworkOptions
from models.tasks.forecast import Options, graph

HORIZON = 4


def bound(depth: int = 1, masked: bool = False, **stated: Any) -> tuple[Options, dict[str, Any]]:
    missing = "mask" if masked else None
    context = Series(kind="series", scale="none", depth=depth, missing=missing)
    features = {"context": context, "price": Series(kind="series")}
    return Options(**{"kind": "forecast", "horizon": HORIZON} | stated).bound(features), features


def asked(values: np.ndarray, lengths: list[int], ahead: int = HORIZON) -> Asked:
    """Contexts ``[batch, time, depth]``."""
    count = tf.constant(lengths, tf.int32)
    raw = tf.RaggedTensor.from_tensor(tf.constant(values, tf.float32), count)
    known = tf.zeros((len(lengths), values.shape[1] + HORIZON, 1))
    inputs = {
        "context": tf.constant(values, tf.float32),
        "context_length": count,
        "price": known,
        "price_length": count + ahead,
    }
    return Asked(inputs, {"context": raw})


def test_labels_go_as_they_are_and_nothing_is_named() -> None:
    task, _ = bound(2)
    raw = tf.random.stateless_normal((3, HORIZON, 2), (1, 2))
    assert graph.preprocess(task, {"target": raw}, None)["label"] is raw
    assert graph.label_names(task, None) == []


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, [[7, 7, 7, 7], [3, 3, 3, 3]]),
        ({"season": 2}, [[5, 7, 5, 7], [2, 3, 2, 3]]),
        # A context shorter than the season goes on with its last value.
        ({"season": 3}, [[3, 5, 7, 3], [3, 3, 3, 3]]),
    ],
)
@pytest.mark.parametrize("head", ["point", "quantiles", "gaussian", "student_t"])
def test_the_baseline_goes_on_and_is_certain_of_it(
    stated: dict[str, Any], expected: list[list[float]], head: str
) -> None:
    task, _ = bound(head=head, **stated)
    batch = asked(np.array([[1, 3, 5, 7], [2, 3, 9, 9]])[..., None], [4, 2])
    learnt = graph.baseline(task, iter(()), None)
    scores = graph.baseline_scores(task, learnt, batch)
    outputs = graph.judged_outputs(task, scores, [], batch)
    np.testing.assert_array_equal(outputs["forecast"], expected)
    if head != "point":
        np.testing.assert_allclose(outputs["lower"], expected, rtol=1e-6)
        assert outputs["quantiles"].shape == (2, HORIZON, 3)


def test_channels_and_distributions_are_served_by_name() -> None:
    task, _ = bound(3, channels=[0, 2], head="gaussian", quantiles=[0.05, 0.5, 0.95])
    batch = asked(np.zeros((2, 5, 3)), [5, 3])
    scores = tf.constant([[[[10.0, 1.0], [20.0, 2.0]]] * HORIZON] * 2)
    served = graph.served_outputs(task, scores, [], batch)
    assert {name: tuple(value.shape) for name, value in served.items()} == {
        "forecast": (2, HORIZON, 2),
        "quantiles": (2, HORIZON, 2, 3),
        "lower": (2, HORIZON, 2),
        "upper": (2, HORIZON, 2),
        "levels": (2, 3),
    }
    np.testing.assert_allclose(served["levels"][1], [0.05, 0.5, 0.95])
    np.testing.assert_allclose(served["upper"][0, 0], [10 + 1.6449, 20 + 2 * 1.6449], rtol=1e-4)
    one, _ = bound(head="quantiles")
    scores = tf.ones((2, HORIZON, 1, 4))
    shapes = [value.shape.rank for value in graph.served_outputs(one, scores, [], batch).values()]
    assert shapes == [2, 3, 2, 2, 2]
    assert list(graph.served_outputs(bound()[0], scores, [], batch)) == ["forecast"]


def test_what_is_known_has_to_reach_over_the_horizon() -> None:
    task, _ = bound(known=["price"])
    scores = tf.ones((1, HORIZON, 1, 2))
    graph.served_outputs(task, scores, [], asked(np.zeros((1, 3, 1)), [3]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="price_length: is not the steps of"):
        graph.served_outputs(task, scores, [], asked(np.zeros((1, 3, 1)), [3], ahead=1))


def test_what_has_no_logarithm_is_refused() -> None:
    task, _ = bound(2, log=True, channels=[0])
    scores = tf.ones((2, HORIZON, 1, 2))
    values = np.full((2, 3, 2), 5.0)
    values[0, 2] = -1.0  # Behind a row's length, where a client sends what it likes.
    batch = asked(values, [2, 3])
    assert np.isfinite(graph.served_outputs(task, scores, [], batch)["forecast"]).all()
    for number in (0.0, -2.0):
        wrong = values.copy()
        wrong[1, 1, 1] = number
        with pytest.raises(tf.errors.InvalidArgumentError, match="context: holds a number that is"):
            graph.served_outputs(task, scores, [], asked(wrong, [2, 3]))
        # A number that is missing is 0, and says so.
        known = (wrong > 0.0).astype(float)
        read = tf.constant(np.concatenate([wrong, known], axis=-1), tf.float32)
        missing = batch._replace(inputs={**batch.inputs, "context": read})
        graph.served_outputs(task, scores, [], missing)


@pytest.mark.slow
def test_a_network_learns_what_a_season_does_not_tell(plain_learnt: Callable) -> None:
    """Waves whose size grows: seasonal naive is always one growth behind."""
    task, features = bound(season=4, residual="seasonal", linear=8, scale="standard")
    random = np.random.default_rng(0)
    size = random.uniform(1.0, 3.0, (200, 1)) * 1.3 ** (np.arange(16)[None, :] // 4)
    waves = size * np.sin(2 * np.pi * (np.arange(16) + 0.5) / 4) + random.uniform(5, 50, (200, 1))
    values, target = waves[:, :12, None], waves[:, 12:].astype(np.float32)
    batch = asked(values, [12] * 200)
    model = graph.build(features, task, NetworkOptions(cell="gru", units=4), plain_learnt({}))
    loss = graph.loss(task, plain_learnt({}), None)
    optimizer = keras.optimizers.Adam(0.03)
    model.compile(optimizer, loss, metrics=graph.training_metrics(task, plain_learnt({})))
    inputs = dict(batch.inputs)
    losses = [model.train_on_batch(inputs, target)[0] for _ in range(60)]
    assert losses[-1] < 0.3 * losses[0]

    def mae(scores: Any) -> float:
        outputs = graph.judged_outputs(task, scores, [], batch)
        outputs = {name: np.asarray(value) for name, value in outputs.items()}
        sums = graph.example_statistics(task, {"target": target}, outputs).sum(axis=0)
        return float(graph.summarise(task, sums)["mae"])

    trivial = graph.baseline_scores(task, graph.baseline(task, iter(()), None), batch)
    assert mae(model(inputs)) < 0.5 * mae(trivial)


def test_a_network_of_ones_own_has_a_head(plain_learnt: Callable) -> None:
    task, _ = bound(2, head="gaussian")
    body = keras.Input((5,))
    model = keras.Model(body, graph.head(task, body, plain_learnt({})))
    answers = model(np.ones((3, 5), np.float32)).numpy()
    assert answers.shape == (3, HORIZON, 2, 2) and (answers[..., 1] > 0).all()
