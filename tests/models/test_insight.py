"""Attributions against finite differences, and where they are zero by definition."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.features.categorical import Options as Categorical
from models.features.numeric import Options as Numeric
from models.features.text import Options as Text
from models.insight import embedding_attribution
from models.network import build
from models.spec import NetworkOptions
from models.tasks.classify import Options as Classify

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


def attribution(network: keras.Model, inputs: Inputs, feature: str) -> np.ndarray:
    tensors = {name: tf.constant(values) for name, values in inputs.items()}
    return embedding_attribution(network, tensors, feature)


def slopes(network: keras.Model, inputs: Inputs, feature: str) -> dict[int, np.ndarray]:
    """By word and row: how log p of the answer grows as the word's embedding grows by its size."""
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
    for word in np.unique(inputs[feature][inputs[feature] > 0]):
        moved = []
        for sign in (1.0, -1.0):
            changed = table.copy()
            changed[word] *= 1.0 + sign * STEP
            embedding.set_weights([changed])
            moved.append(compiled().numpy()[np.arange(len(answers)), answers])
        found[int(word)] = (moved[0] - moved[1]) / (2.0 * STEP)
    embedding.set_weights([table])
    return found


NETWORKS = [
    {},
    {"bidirectional": True, "layers": 2, "pooling": ("last", "mean"), "shortcut": True},
    {"cell": "gru", "pooling": ("max",), "dropout": 0.5, "embedding_dropout": 0.5},
    {"layers": 0, "pooling": ("mean",)},
]


@pytest.mark.parametrize("feature", ["review", "title"])
@pytest.mark.parametrize("changed", NETWORKS, ids=str)
def test_attributions_equal_finite_differences(make: Callable, changed: dict, feature: str) -> None:
    network = make(**changed)
    inputs = batch(extra=2)
    found = attribution(network, inputs, feature)
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
    found = attribution(network, inputs, "review")[0]
    assert len(set(found[[0, 2, 4]].tolist())) == 3
    expected = slopes(network, inputs, "review")[4][0]
    assert found[[0, 2, 4]].sum() == pytest.approx(expected, rel=1e-2, abs=2e-4)


@pytest.mark.parametrize("changed", NETWORKS, ids=str)
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
    for row in range(len(together)):
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
    with pytest.raises(ValueError, match=f"does not embed a feature named '{feature}'"):
        attribution(make(), batch(), feature)
