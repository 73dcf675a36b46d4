"""Networks of every shape: outputs, the padding contract, NumPy references, files, gradients."""

import itertools
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from models.features.categorical import Options as Categorical
from models.features.numeric import Options as Numeric
from models.features.text import Options as Text
from models.network import build, compile_network
from models.spec import NetworkOptions, TrainingOptions
from models.tasks.classify import Options as Classify

Inputs = dict[str, np.ndarray]

WORDS = [f"word{number}" for number in range(20)]
LABELS = ["a", "b", "c"]
VOCABULARIES = {"review": WORDS, "shop": ["north", "south"], "label": LABELS}
FEATURES = {
    "review": Text(kind="text"),
    "price": Numeric(kind="numeric"),
    "shop": Categorical(kind="categorical"),
}
TASK = Classify(kind="classify", label="sentiment")
CELLS, POOLINGS = ("lstm", "gru", "none"), (("last",), ("mean",), ("last", "mean", "max"))
COMBINATIONS = [
    *itertools.product(("lstm",), (False, True), (0, 1, 2), POOLINGS, (False, True)),
    *itertools.product(
        ("gru", "none"), (False, True), (0, 2), (("last",), ("max", "mean")), (True,)
    ),
]


def possible(
    cell: str, bidirectional: bool, layers: int, pooling: tuple[str, ...], shortcut: bool
) -> bool:
    recurrent = cell != "none" and layers > 0
    return (recurrent or not (bidirectional or shortcut or "last" in pooling)) and not (
        shortcut and pooling == ("last",)
    )


def options(
    cell: str, bidirectional: bool, layers: int, pooling: tuple[str, ...], shortcut: bool
) -> NetworkOptions:
    return NetworkOptions(
        cell=cell,
        units=4,
        layers=layers,
        bidirectional=bidirectional,
        pooling=pooling,
        embedding_size=3,
        shortcut=shortcut,
    )


def rows(lengths: list[int], time: int | None = None, seed: int = 0) -> Inputs:
    """Rows for ``FEATURES``; the padding holds zeros, as training and serving give it."""
    random = np.random.default_rng(seed)
    ids = random.integers(1, len(WORDS) + 2, (len(lengths), time or max(lengths)))
    ids *= np.arange(ids.shape[1])[None, :] < np.asarray(lengths)[:, None]
    return {
        "review": ids.astype(np.int32),
        "review_length": np.asarray(lengths, np.int32),
        "price": random.normal(size=len(lengths)).astype(np.float32),
        "shop": random.integers(0, 3, len(lengths)).astype(np.int32),
    }


def shaken(network: keras.Model, seed: int = 1) -> keras.Model:
    """The network with every weight drawn anew, biases included, which Keras starts at zero."""
    random = np.random.default_rng(seed)
    network.set_weights([random.normal(0.0, 0.6, w.shape) for w in network.get_weights()])
    return network


@pytest.fixture(scope="module")
def learnt(plain_learnt: Callable):
    return plain_learnt(VOCABULARIES)


@pytest.mark.parametrize("combination", [c for c in COMBINATIONS if not possible(*c)], ids=str)
def test_combinations_that_make_no_sense_are_refused(combination: tuple) -> None:
    with pytest.raises(ValidationError, match=r"bidirectional|shortcut|pooling"):
        options(*combination)


@pytest.mark.parametrize("combination", [c for c in COMBINATIONS if possible(*c)], ids=str)
def test_every_network_gives_a_distribution_over_the_labels(combination: tuple, learnt) -> None:
    network = build(FEATURES, TASK, options(*combination), learnt)
    assert sorted(network.input) == ["price", "review", "review_length", "shop"]
    scores = np.asarray(network(rows([3, 1])))
    assert scores.shape == (2, len(LABELS))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, rtol=1e-5)


CONTRACT = [
    *[
        (cell, bidirectional, 2, ("last", "mean", "max"), True)
        for cell in ("lstm", "gru")
        for bidirectional in (False, True)
    ],
    ("none", False, 2, ("mean", "max"), False),
    ("lstm", False, 0, ("mean", "max"), False),
]


@pytest.mark.parametrize("combination", CONTRACT, ids=str)
def test_padding_never_changes_an_answer(combination: tuple, learnt) -> None:
    network = shaken(build(FEATURES, TASK, options(*combination), learnt))
    lengths = [1, 6, 3, 2]
    batch = rows(lengths)
    expected = np.asarray(network(batch))
    assert np.ptp(expected, axis=0).max() > 0.01, "the rows would be answered alike anyway"
    for row, length in enumerate(lengths):
        alone = {name: values[row : row + 1] for name, values in batch.items()}
        alone["review"] = alone["review"][:, :length]
        np.testing.assert_allclose(np.asarray(network(alone))[0], expected[row], rtol=1e-5)
    wider = batch | {"review": np.pad(batch["review"], [(0, 0), (0, 9)])}
    np.testing.assert_allclose(np.asarray(network(wider)), expected, rtol=1e-5)
    inside = np.arange(15)[None, :] < np.asarray(lengths)[:, None]
    spoilt = wider | {"review": np.where(inside, wider["review"], 5).astype(np.int32)}
    np.testing.assert_allclose(np.asarray(network(spoilt)), expected, rtol=1e-5)
    compiled = tf.function(lambda inputs: network(inputs, training=False))
    graph_answer = compiled({name: tf.constant(values) for name, values in wider.items()})
    np.testing.assert_allclose(graph_answer.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("combination", CONTRACT, ids=str)
def test_a_saved_network_gives_the_same_answers(combination: tuple, learnt, tmp_path: Path) -> None:
    network = shaken(build(FEATURES, TASK, options(*combination), learnt))
    network.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    batch = rows([4, 2, 1], time=5)
    np.testing.assert_allclose(np.asarray(again(batch)), np.asarray(network(batch)), rtol=1e-6)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def lstm(steps: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """One sequence ``[time, features]`` to ``[time, units]``, by the equations."""
    kernel, recurrent, bias = weights
    hidden = carry = np.zeros(recurrent.shape[0])
    outputs = []
    for step in steps:
        i, f, c, o = np.split(step @ kernel + hidden @ recurrent + bias, 4)
        carry = sigmoid(f) * carry + sigmoid(i) * np.tanh(c)
        hidden = sigmoid(o) * np.tanh(carry)
        outputs.append(hidden)
    return np.stack(outputs)


def gru(steps: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """One sequence ``[time, features]`` to ``[time, units]``, with the reset after the product."""
    kernel, recurrent, bias = weights
    hidden = np.zeros(recurrent.shape[0])
    outputs = []
    for step in steps:
        update, reset, new = np.split(step @ kernel + bias[0], 3)
        update_h, reset_h, new_h = np.split(hidden @ recurrent + bias[1], 3)
        gate = sigmoid(update + update_h)
        candidate = np.tanh(new + sigmoid(reset + reset_h) * new_h)
        hidden = gate * hidden + (1.0 - gate) * candidate
        outputs.append(hidden)
    return np.stack(outputs)


POOL = {
    "last": lambda steps: steps[-1],
    "mean": lambda steps: steps.mean(axis=0),
    "max": lambda steps: steps.max(axis=0),
}


def reference_vector(network: keras.Model, ids: np.ndarray, given: NetworkOptions) -> np.ndarray:
    """What a text of ``ids`` ``[time]`` becomes before the head, step by step in float64."""
    run = {"lstm": lstm, "gru": gru}[given.cell]

    def weights(direction: str, layer: int) -> list[np.ndarray]:
        values = network.get_layer(f"review.{direction}.{layer}").get_weights()
        return [value.astype(np.float64) for value in values]

    embedded = network.get_layer("review.embedding").get_weights()[0].astype(np.float64)[ids]
    below = embedded
    for layer in range(given.layers):
        given_below = below
        directions = [run(below, weights("forward", layer))]
        below = directions[0]
        if given.bidirectional:
            directions.append(run(given_below[::-1], weights("backward", layer)))
            below = np.concatenate([directions[0], directions[1][::-1]], axis=1)
    pooled = []
    for name in given.pooling:
        pooled += [POOL[name](direction) for direction in directions]
    if given.shortcut:
        pooled += [POOL[name](embedded) for name in given.pooling if name != "last"]
    return np.concatenate(pooled)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_encoder_equals_the_equations_step_by_step(
    cell: str, bidirectional: bool, layers: int, learnt
) -> None:
    given = options(cell, bidirectional, layers, ("last", "mean", "max"), True)
    text = {"review": FEATURES["review"]}
    network = shaken(build(text, TASK, given, learnt))
    encoder = keras.Model(network.inputs, network.get_layer("_vector").output)
    lengths = [5, 1, 3]
    batch = rows(lengths, time=7)
    vectors = np.asarray(encoder({name: batch[name] for name in ("review", "review_length")}))
    for row, length in enumerate(lengths):
        expected = reference_vector(network, batch["review"][row, :length], given)
        np.testing.assert_allclose(vectors[row], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("combination", CONTRACT, ids=str)
def test_every_weight_gets_a_finite_gradient_that_is_not_zero(combination: tuple, learnt) -> None:
    network = shaken(build(FEATURES, TASK, options(*combination), learnt))
    compile_network(network, TASK, TrainingOptions(), None)
    with tf.GradientTape() as tape:
        scores = network(rows([6, 4, 5, 1, 2, 3]), training=True)
        loss = network.compute_loss(y=np.array([0, 1, 2, 0, 1, 2]), y_pred=scores)
    assert np.isfinite(float(loss))
    variables = [variable.value for variable in network.trainable_variables]
    for variable, gradient in zip(
        network.trainable_variables, tape.gradient(loss, variables), strict=True
    ):
        assert gradient is not None, variable.path
        dense = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(dense).all(), variable.path
        assert np.abs(dense).max() > 0.0, variable.path


def test_gradients_are_finite_where_a_batch_holds_padding_only_beside_one_step(learnt) -> None:
    network = shaken(build(FEATURES, TASK, options("lstm", True, 1, ("mean", "max"), True), learnt))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(rows([1, 1], time=12), training=True)[:, 0])
    variables = [variable.value for variable in network.trainable_variables]
    for gradient in tape.gradient(loss, variables):
        assert np.isfinite(tf.convert_to_tensor(gradient).numpy()).all()


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", "Adam"), ("adamw", "AdamW"), ("sgd", "SGD"), ("rmsprop", "RMSprop")]
)
@pytest.mark.parametrize("clip_norm", [None, 0.25])
def test_the_optimiser_is_the_one_asked_for(
    name: str, kind: str, clip_norm: float | None, learnt
) -> None:
    network = build(FEATURES, TASK, options("gru", False, 1, ("last",), False), learnt)
    training = TrainingOptions(optimizer=name, learning_rate=0.02, clip_norm=clip_norm)
    compiled = compile_network(network, TASK, training, None)
    assert compiled is network
    assert type(compiled.optimizer).__name__ == kind
    assert float(compiled.optimizer.learning_rate) == pytest.approx(0.02)
    assert compiled.optimizer.global_clipnorm == clip_norm


def test_the_norm_of_a_step_is_bounded_by_clip_norm(learnt) -> None:
    network = shaken(build(FEATURES, TASK, options("lstm", False, 1, ("last",), False), learnt))
    training = TrainingOptions(optimizer="sgd", learning_rate=1.0, clip_norm=0.001)
    compile_network(network, TASK, training, None)
    before = network.get_weights()
    network.train_on_batch(rows([2, 3, 1]), np.array([0, 1, 2]))
    change = sum(
        float(np.sum((new - old) ** 2.0))
        for new, old in zip(network.get_weights(), before, strict=True)
    )
    assert np.sqrt(change) == pytest.approx(0.001, rel=1e-2)


def test_each_number_of_a_step_is_bounded_by_clip_value(learnt) -> None:
    network = shaken(build(FEATURES, TASK, options("gru", False, 1, ("last",), False), learnt))
    training = TrainingOptions(optimizer="sgd", learning_rate=1.0, clip_norm=None, clip_value=0.001)
    compile_network(network, TASK, training, None)
    before = network.get_weights()
    network.train_on_batch(rows([2, 3, 1]), np.array([0, 1, 2]))
    changes = {
        weight.path: np.abs(new - old).max()
        for weight, new, old in zip(network.weights, network.get_weights(), before, strict=True)
    }
    # Keras clips an embedding's gradient before it adds up a token's occurrences.
    dense = [change for path, change in changes.items() if "embedding" not in path]
    assert max(dense) == pytest.approx(0.001, rel=1e-2)


def test_a_gradient_is_clipped_one_way() -> None:
    with pytest.raises(ValidationError, match=r"clip_value: 0.5 with clip_norm: 1 .*clip_norm: nu"):
        TrainingOptions(clip_value=0.5)
    assert TrainingOptions(clip_value=0.5, clip_norm=None).clip_value == 0.5


def test_dropout_acts_in_training_only(learnt) -> None:
    given = NetworkOptions(units=4, embedding_size=3, dropout=0.5, embedding_dropout=0.5)
    network = shaken(build(FEATURES, TASK, given, learnt))
    batch = rows([4, 2])
    still = [np.asarray(network(batch, training=False)) for _ in range(2)]
    np.testing.assert_array_equal(still[0], still[1])
    moving = [np.asarray(network(batch, training=True)) for _ in range(8)]
    assert any(not np.allclose(moving[0], other) for other in moving[1:])


def test_a_network_without_any_sequence_is_built_too(learnt) -> None:
    network = build({"price": FEATURES["price"]}, TASK, NetworkOptions(), learnt)
    assert network({"price": np.array([1.0, 2.0], np.float32)}).shape == (2, 3)


def test_features_may_have_the_names_of_layers(learnt) -> None:
    names = ("scores", "vector", "dropout", "network", "review_embedding", "review")
    features = {name: FEATURES["price"] for name in names[:-1]} | {"review": FEATURES["review"]}
    given = NetworkOptions(pooling=("mean",), dropout=0.1, units=2, embedding_size=2)
    network = build(features, TASK, given, learnt)
    assert sorted(network.input) == sorted([*names, "review_length"])
