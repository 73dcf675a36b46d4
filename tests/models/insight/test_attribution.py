"""Integrated gradients: complete, equal to finite differences, zero where nothing can count."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.features.categorical import Options as Categorical
from models.features.numeric import Options as Numeric
from models.features.series import Options as Series
from models.features.text import Options as Text
from models.features.tokens import Options as Tokens
from models.insight.attribution import Attribution, integrated_gradients
from models.network import build
from models.spec import NetworkOptions
from models.tasks.classify import Options as Classify
from models.tasks.tag import Options as Tag

Inputs = dict[str, np.ndarray]

VOCABULARIES = {
    "review": [f"word{number}" for number in range(20)],
    "title": [f"word{number}" for number in range(15)],
    "shop": ["north", "south"],
    "label": ["a", "b", "c"],
}
FEATURES = {
    "review": Text(kind="text"),
    "title": Text(kind="text"),
    "price": Numeric(kind="numeric"),
    "shop": Categorical(kind="categorical"),
}
TASK = Classify(kind="classify", label="sentiment")
LENGTHS = {"review": [5, 1, 7, 3], "title": [2, 4, 1, 3]}
STEP = 1e-2
POINTS = 3


@pytest.fixture(scope="module")
def make(plain_learnt: Callable) -> Callable[..., keras.Model]:
    def network(**changed) -> keras.Model:
        options = {"cell": "lstm", "units": 4, "embedding_size": 3} | changed
        made = build(FEATURES, TASK, NetworkOptions(**options), plain_learnt(VOCABULARIES))
        random = np.random.default_rng(1)
        made.set_weights([random.normal(0.0, 0.6, w.shape) for w in made.get_weights()])
        return made

    return network


def batch(extra: int = 0) -> Inputs:
    """No word twice in a row, so that an entry of the embedding stands for one step."""
    random = np.random.default_rng(0)
    count = len(LENGTHS["review"])
    inputs: Inputs = {
        "price": random.normal(size=count).astype(np.float32),
        "shop": np.array([0, 1, 2, 1], np.int32),
    }
    for name, lengths in LENGTHS.items():
        ids = np.zeros((count, max(lengths) + extra), np.int32)
        for row, length in enumerate(lengths):
            words = random.permutation(len(VOCABULARIES[name]))[:length]
            ids[row, :length] = words + 2
        inputs |= {name: ids, f"{name}_length": np.array(lengths, np.int32)}
    return inputs


def explained(network: keras.Model, inputs: Inputs, feature: str, points: int = 32) -> Attribution:
    """Of the most probable label."""
    tensors = {name: tf.constant(values) for name, values in inputs.items()}
    scores = network(tensors, training=False)
    answers = scores.numpy().argmax(axis=1)
    return integrated_gradients(network, tensors, feature, answers, points=points)


def attribution(network: keras.Model, inputs: Inputs, feature: str, points: int = 8) -> np.ndarray:
    return explained(network, inputs, feature, points).steps


def slopes(network: keras.Model, inputs: Inputs, feature: str) -> dict[int, np.ndarray]:
    """By word and row: how log p of the answer grows as the word's embedding grows by its size,
    in the mean over the way from no embedding to the whole.
    """
    (embedding,) = (
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Embedding) and layer.input.name == feature
    )
    tensors = {name: tf.constant(values) for name, values in inputs.items()}
    compiled = tf.function(lambda: tf.math.log(network(tensors, training=False)))
    answers = compiled().numpy().argmax(axis=1)
    (table,) = embedding.get_weights()
    found = {}
    places, shares = np.polynomial.legendre.leggauss(POINTS)
    for word in np.unique(inputs[feature][inputs[feature] > 0]):
        mean = np.zeros(len(answers))
        for place, share in zip((places + 1.0) / 2.0, shares / 2.0, strict=True):
            moved = []
            for sign in (1.0, -1.0):
                changed = table * place
                changed[word] = table[word] * (place + sign * STEP)
                embedding.set_weights([changed])
                moved.append(compiled().numpy()[np.arange(len(answers)), answers])
            mean += share * (moved[0] - moved[1]) / (2.0 * STEP)
        found[int(word)] = mean
    embedding.set_weights([table])
    return found


NETWORKS = [
    {},
    {"bidirectional": True, "layers": 2, "pooling": ("last", "mean"), "shortcut": True},
    {"cell": "gru", "pooling": ("max",), "dropout": 0.5, "embedding_dropout": 0.5},
    {"layers": 0, "pooling": ("mean",)},
]


@pytest.mark.parametrize("changed", NETWORKS, ids=str)
def test_attributions_add_up_to_what_the_feature_changed(make: Callable, changed: dict) -> None:
    network, inputs = make(**changed), batch(extra=2)
    found = explained(network, inputs, "review")
    # A maximum has edges, where a quadrature of smooth functions is less exact.
    within = 5e-3 if "max" in changed.get("pooling", ()) else 1e-4
    difference = found.score - found.score_without
    np.testing.assert_allclose(found.steps.sum(axis=1), difference, atol=within)
    assert np.abs(difference).max() > 0.05, "nothing to compare"
    np.testing.assert_allclose(found.score, np.log(network(inputs).numpy().max(axis=1)), rtol=1e-5)
    (embedding,) = (layer for layer in network.layers if layer.name == "review.embedding")
    (table,) = embedding.get_weights()
    answers = network(inputs).numpy().argmax(axis=1)
    embedding.set_weights([np.zeros_like(table)])
    without = np.log(network(inputs).numpy()[np.arange(len(answers)), answers])
    np.testing.assert_allclose(found.score_without, without, rtol=1e-5, atol=1e-6)


def test_an_answered_step_owes_nothing_to_later_ones(plain_learnt: Callable) -> None:
    task = Tag(kind="tag", label="tags", aligned_with="words")
    options = NetworkOptions(cell="lstm", units=4, embedding_size=3)
    learnt = plain_learnt({"words": list("abcdefgh"), "label": ["x", "y", "z"]})
    network = build({"words": Tokens(kind="tokens")}, task, options, learnt)
    lengths = np.array([6, 4, 1, 6], np.int32)
    ids = np.random.default_rng(0).integers(2, 10, (4, 7)).astype(np.int32)
    inputs = {"words": tf.constant(ids), "words_length": tf.constant(lengths)}
    asked = np.array([2, 3, 0, 5])
    found = integrated_gradients(network, inputs, "words", np.array([0, 1, 2, 0]), asked)
    for row, step in enumerate(asked):
        assert (found.steps[row, step + 1 :] == 0.0).all()
        assert (found.steps[row, : step + 1] != 0.0).all()
    np.testing.assert_allclose(
        found.steps.sum(axis=1), found.score - found.score_without, rtol=1e-3, atol=1e-4
    )


def test_the_numbers_of_a_series_are_attributed_themselves(plain_learnt: Callable) -> None:
    """A mean and a softmax of two labels: log-odds are linear, so shares go by value."""
    features = {"wave": Series(kind="series", depth=2)}
    options = NetworkOptions(layers=0, pooling=("mean",))
    network = build(features, TASK, options, plain_learnt({"label": ["a", "b"]}))
    network.set_weights([np.array([[1.0, -1.0], [0.5, 0.0]]), np.zeros(2)])
    values = np.array([[[1.0, 0.0], [2.0, 4.0], [9.0, 9.0]]], np.float32)
    inputs = {"wave": tf.constant(values), "wave_length": tf.constant([2])}
    found = integrated_gradients(network, inputs, "wave", np.array([0]))
    odds = np.array([2.0 * 1.0, 2.0 * 2.0 + 0.5 * 4.0]) / 2.0
    whole = np.log(1.0 / (1.0 + np.exp(-odds.sum()))) - np.log(0.5)
    np.testing.assert_allclose(found.steps[0], [*(odds / odds.sum() * whole), 0.0], rtol=1e-4)


@pytest.mark.parametrize(
    ("changed", "feature"), [*((changed, "review") for changed in NETWORKS), ({}, "title")], ids=str
)
def test_attributions_equal_finite_differences(make: Callable, changed: dict, feature: str) -> None:
    network = make(**changed)
    inputs = batch(extra=2)
    found = attribution(network, inputs, feature, POINTS)
    assert found.shape == inputs[feature].shape
    assert found.dtype == np.float32
    assert np.abs(found).max() > 1e-2, "nothing to compare"
    for word, expected in slopes(network, inputs, feature).items():
        by_row = np.where(inputs[feature] == word, found, 0.0).sum(axis=1)
        np.testing.assert_allclose(by_row, expected, rtol=1e-2, atol=2e-4)


def test_a_word_that_occurs_twice_is_attributed_at_both_steps(make: Callable) -> None:
    network = make()
    inputs = batch()
    inputs["review"][0, :5] = [4, 6, 4, 7, 4]
    found = attribution(network, inputs, "review", POINTS)[0]
    assert len(set(found[[0, 2, 4]].tolist())) == 3
    expected = slopes(network, inputs, "review")[4][0]
    assert found[[0, 2, 4]].sum() == pytest.approx(expected, rel=1e-2, abs=2e-4)


@pytest.mark.parametrize("changed", [NETWORKS[1], NETWORKS[3]], ids=str)
def test_padding_has_no_share_and_changes_none(make: Callable, changed: dict) -> None:
    network = make(**changed)
    narrow = attribution(network, batch(), "review")
    wide = attribution(network, batch(extra=6), "review")
    inside = np.arange(wide.shape[1])[None, :] < np.array(LENGTHS["review"])[:, None]
    assert (wide[~inside] == 0.0).all()
    np.testing.assert_allclose(wide[:, : narrow.shape[1]], narrow, rtol=1e-4, atol=1e-6)


def test_rows_do_not_depend_on_their_neighbours(make: Callable) -> None:
    network = make()
    together = attribution(network, batch(), "review")
    for row in (1, 2):
        alone = {name: values[row : row + 1] for name, values in batch().items()}
        found = attribution(network, alone, "review")
        np.testing.assert_allclose(found[0], together[row], rtol=1e-4, atol=1e-6)


def test_the_network_is_left_as_it_was(make: Callable) -> None:
    network = make(dropout=0.5)
    before = network.get_weights()
    first = attribution(network, batch(), "review")
    np.testing.assert_array_equal(attribution(network, batch(), "review"), first)
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("feature", ["price", "reviews", ""])
def test_a_feature_that_is_not_embedded_is_refused(make: Callable, feature: str) -> None:
    with pytest.raises(ValueError, match=f"neither embeds a sequence named '{feature}'"):
        attribution(make(), batch(), feature)
