"""Gates rebuild the hidden states; weights of attention rebuild what was pooled."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from models.features.tokens import Options as Tokens
from models.insight.activations import LayerActivations, activations, attention_weights
from models.layers.transformer import TransformerBlock
from models.network import build
from models.spec import NetworkOptions
from models.tasks.classify import Options as Classify

LENGTHS = np.array([6, 1, 4], np.int32)
IDS = np.random.default_rng(1).integers(2, 10, (3, 8)).astype(np.int32)
INPUTS = {"words": tf.constant(IDS), "words_length": tf.constant(LENGTHS)}
INSIDE = np.arange(8)[None, :] < LENGTHS[:, None]


def made(plain_learnt: Callable, **options) -> keras.Model:
    learnt = plain_learnt({"words": list("abcdefgh"), "label": ["x", "y"]})
    options = {"units": 3, "embedding_size": 2} | options
    task = Classify(kind="classify", label="label")
    network = build({"words": Tokens(kind="tokens")}, task, NetworkOptions(**options), learnt)
    random = np.random.default_rng(1)
    network.set_weights([random.normal(0.0, 0.8, w.shape) for w in network.get_weights()])
    return network


def turned(values: np.ndarray) -> np.ndarray:
    return np.stack(
        [np.concatenate([row[:n][::-1], row[n:]]) for row, n in zip(values, LENGTHS, strict=True)]
    )


def of_lstm(found: LayerActivations, backward: bool) -> np.ndarray:
    gates = {name: turned(gate) if backward else gate for name, gate in found.gates.items()}
    state, hidden = np.zeros((3, 3)), []
    for step in range(8):
        state = state * gates["forget gate"][:, step]
        state += gates["input gate"][:, step] * gates["candidate"][:, step]
        hidden.append(gates["output gate"][:, step] * np.tanh(state))
    return np.stack(hidden, axis=1)


def of_gru(found: LayerActivations, backward: bool) -> np.ndarray:
    gates = {name: turned(gate) if backward else gate for name, gate in found.gates.items()}
    state, hidden = np.zeros((3, 3)), []
    for step in range(8):
        update = gates["update gate"][:, step]
        state = update * state + (1.0 - update) * gates["candidate"][:, step]
        hidden.append(state)
    return np.stack(hidden, axis=1)


@pytest.mark.parametrize(("cell", "rebuilt"), [("lstm", of_lstm), ("gru", of_gru)])
def test_gates_rebuild_the_hidden_states_that_the_network_gives(
    plain_learnt: Callable, cell: str, rebuilt: Callable
) -> None:
    network = made(plain_learnt, cell=cell, layers=2, bidirectional=True)
    found = activations(network, INPUTS, "words")
    assert sorted(layer.layer for layer in found) == [
        f"words.{direction}.{index}" for direction in ("backward", "forward") for index in (0, 1)
    ]
    for layer in found:
        backward = "backward" in layer.layer
        output = keras.Model(network.inputs, network.get_layer(layer.layer).output)
        given = output([INPUTS["words"], INPUTS["words_length"]]).numpy()
        given = np.where(INSIDE[:, :, None], turned(given) if backward else given, 0.0)
        np.testing.assert_allclose(layer.hidden, given, rtol=1e-4, atol=1e-6)
        again = rebuilt(layer, backward)
        again = np.where(INSIDE[:, :, None], turned(again) if backward else again, 0.0)
        np.testing.assert_allclose(again, layer.hidden, rtol=1e-4, atol=1e-6)


class Leaky(keras.layers.SimpleRNNCell):
    """A cell that says its gates itself."""

    def gates(self, inputs, states):
        return {"leak": ops.stack([inputs, states[0]], axis=1)}


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (keras.layers.GRU(2, return_sequences=True, reset_after=False, name="words.own"), 3),
        (keras.layers.GRU(2, use_bias=False, return_sequences=True, name="words.own"), 3),
        (keras.layers.LSTM(2, use_bias=False, name="words.own"), 4),
        (keras.layers.SimpleRNN(2, return_sequences=True, name="words.own"), 0),
        (keras.layers.RNN(Leaky(2), return_sequences=True, name="words.own"), 1),
    ],
)
def test_layers_of_other_kinds(layer: keras.layers.RNN, names: int) -> None:
    values = keras.Input((None, 2), name="words")
    inputs = [values, keras.Input((), dtype="int32", name="words_length")]
    network = keras.Model(inputs, [layer(values), inputs[1]])
    given = np.random.default_rng(0).normal(size=(3, 8, 2)).astype(np.float32)
    (found,) = activations(network, INPUTS | {"words": tf.constant(given)}, "words")
    assert len(found.gates) == names
    ends = given[:1, : LENGTHS[0]]
    last = np.asarray(network([ends, LENGTHS[:1]])[0]).reshape(1, -1, 2)[:, -1]
    np.testing.assert_allclose(found.hidden[:1, LENGTHS[0] - 1], last, rtol=1e-5)
    if names == 1:
        leak = found.gates["leak"]
        np.testing.assert_allclose(leak[INSIDE][:, :2], given[INSIDE], rtol=1e-6)
        np.testing.assert_allclose(leak[0, 1:6, 2:], found.hidden[0, :5], rtol=1e-5)
    elif names == 3:
        update, candidate = found.gates["update gate"], found.gates["candidate"]
        before = np.pad(found.hidden, [(0, 0), (1, 0), (0, 0)])[:, :-1]
        again = update * before + (1.0 - update) * candidate
        np.testing.assert_allclose(again[INSIDE], found.hidden[INSIDE], rtol=1e-4, atol=1e-6)


def test_weights_of_attention_stand_at_the_steps_that_were_weighed(plain_learnt: Callable) -> None:
    pooling = ("attention", "self_attention", "bahdanau", "luong")
    network = made(plain_learnt, cell="gru", pooling=pooling, bidirectional=True)
    hidden = {layer.layer: layer.hidden for layer in activations(network, INPUTS, "words")}
    found = attention_weights(network, INPUTS, "words")
    assert len(found) == 8
    for layer in found:
        direction = layer.layer.split(".")[1]
        weights = layer.weights if layer.weights.ndim == 3 else layer.weights[:, None]
        assert weights.shape == (3, 4 if "self" in layer.layer else 1, 8)
        assert not weights[np.broadcast_to(~INSIDE[:, None], weights.shape)].any()
        vectors = (weights @ hidden[f"words.{direction}.0"]).reshape(3, -1)
        pooled = keras.Model(network.inputs, network.get_layer(layer.layer).output)
        given = pooled([INPUTS["words"], INPUTS["words_length"]])
        np.testing.assert_allclose(vectors, given, rtol=1e-4, atol=1e-6)


def test_a_transformers_weights_are_shown_and_networks_without_either_have_none(
    plain_learnt: Callable,
) -> None:
    inputs = [
        keras.Input((None, 4), name="words"),
        keras.Input((), dtype="int32", name="words_length"),
    ]
    network = keras.Model(inputs, TransformerBlock(2, name="words.block")(*inputs))
    values = np.random.default_rng(0).normal(size=(3, 8, 4)).astype(np.float32)
    (found,) = attention_weights(network, INPUTS | {"words": tf.constant(values)}, "words")
    assert found.weights.shape == (3, 2, 8, 8)
    plain = made(plain_learnt, cell="none", pooling="mean")
    assert activations(plain, INPUTS, "words") == attention_weights(plain, INPUTS, "words") == []
