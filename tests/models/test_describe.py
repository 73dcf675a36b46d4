"""Numbers of networks beside those that Keras and the formulas give."""

from collections.abc import Callable

import keras
import pytest

from models.describe import LayerNumbers, counted_calls, layer_numbers, optimizer_bytes, shown_shape
from models.features.categorical import Options as Categorical
from models.features.numeric import Options as Numeric
from models.features.text import Options as Text
from models.network import build, compile_network
from models.spec import NetworkOptions, TrainingOptions
from models.tasks.classify import Options as Classify

WORDS, LABELS = [f"word{number}" for number in range(20)], ["a", "b", "c"]
FEATURES = {
    "review": Text(kind="text"),
    "price": Numeric(kind="numeric"),
    "shop": Categorical(kind="categorical"),
}
TASK = Classify(kind="classify", label="sentiment")
TIME = 6


@pytest.fixture(scope="module")
def network(plain_learnt: Callable) -> keras.Model:
    learnt = plain_learnt({"review": WORDS, "shop": ["north"], "label": LABELS})
    options = NetworkOptions(
        units=4, layers=2, bidirectional=True, pooling=("last", "mean"), embedding_size=3
    )
    return build(FEATURES, TASK, options, learnt)


def numbers(network: keras.Model, lengths: dict[str, int]) -> dict[str, LayerNumbers]:
    return {layer.name: layer for layer in layer_numbers(counted_calls(network, lengths))}


def test_every_layer_of_a_network_is_there_once(network: keras.Model) -> None:
    found = numbers(network, {"review": TIME})
    inputs = {layer.name for layer in network.layers if isinstance(layer, keras.layers.InputLayer)}
    assert set(found) == {layer.name for layer in network.layers} - inputs
    assert sum(layer.trainable for layer in found.values()) == network.count_params()
    assert sum(layer.weights for layer in found.values()) == 4 * network.count_params()
    assert not any(layer.frozen for layer in found.values())
    assert all(layer.complete for layer in found.values())


def test_shapes_and_operations_of_its_layers(network: keras.Model) -> None:
    found = numbers(network, {"review": TIME})
    below, above = found["review.forward.0"], found["review.backward.1"]
    assert (below.kind, below.output) == ("LSTM", "[batch, time, 4]")
    assert below.products_row == TIME * 2 * (3 + 4) * 4 * 4
    assert above.products_row == TIME * 2 * (8 + 4) * 4 * 4
    assert below.flops_step == round(below.flops_row / TIME)
    assert below.activations > 4 * TIME * 4 * (4 + 1)
    embedding, head = found["review.embedding"], found["classify.scores"]
    assert (embedding.output, embedding.flops_row) == ("[batch, time, 3]", 0)
    assert embedding.activations == 4 * TIME * 3
    assert (head.output, head.flops_step) == ("[batch, 3]", None)
    width = 2 * 8 + 1 + 3
    assert head.trainable == width * 3 + 3 and head.products_row == 2 * width * 3
    # One layer, called for the first layer and twice around the second.
    assert found["review.reverse"].activations == 4 * TIME * (3 + 8)
    assert found["review.both.0.reversed"].activations == 4 * TIME * 4


@pytest.mark.parametrize(
    "layers",
    [
        {
            "cell": "mlstm",
            "layers": 2,
            "residual": True,
            "layer_norm": True,
            "convolution": {"filters": 4, "kernel_size": 3},
            "transformer": {"blocks": 1},
            "pooling": ("attention", "bahdanau", "self_attention"),
        },
        {"cell": "slstm", "layer_norm": True, "bidirectional": True, "pooling": ("luong", "mean")},
        {"cell": "indrnn", "layers": 2, "layer_dropout": 0.1, "recurrent_dropout": 0.1},
        {"cell": "jordan"},
    ],
    ids=lambda layers: layers["cell"],
)
def test_all_of_the_library_is_counted(plain_learnt: Callable, layers: dict) -> None:
    heads = {"heads": 2} if layers["cell"] in ("mlstm", "slstm") else {}
    options = NetworkOptions(units=4, embedding_size=4, **heads, **layers)
    learnt = plain_learnt({"review": WORDS, "label": LABELS})
    network = build({"review": FEATURES["review"]}, TASK, options, learnt)
    found = numbers(network, {"review": TIME})
    assert all(layer.complete for layer in found.values())
    assert sum(layer.trainable for layer in found.values()) == network.count_params()
    matrices = [layer for layer in network.layers if any(w.ndim > 1 for w in layer.weights)]
    for layer in matrices:
        assert (found[layer.name].products_row > 0) == ("embedding" not in layer.name)
    if "transformer" not in layers:
        return
    (block,) = (layer for layer in found.values() if layer.kind == "TransformerBlock")
    weights, scores = 4 * 4 * 4 + 2 * 4 * 16, 2 * TIME * 4
    assert block.products_row == TIME * 2 * (weights + scores)


def test_frozen_parameters_and_what_is_no_layer() -> None:
    review = keras.Input((None,), dtype="int32", name="review")
    embedded = keras.layers.Embedding(9, 4, trainable=False, name="embedding")(review)
    mean = keras.ops.mean(embedded, axis=1)
    found = numbers(keras.Model({"review": review}, keras.layers.Dense(2)(mean)), {"review": TIME})
    embedding, mean, dense = found.values()
    assert (embedding.trainable, embedding.frozen) == (0, 36)
    assert (mean.kind, mean.flops_row) == ("Mean", pytest.approx(TIME * 4, abs=4))
    assert (dense.trainable, dense.frozen) == (10, 0)


def test_a_sequential_model() -> None:
    layers = [keras.Input((5,), name="x"), keras.layers.Dense(3), keras.layers.Dense(2)]
    found = list(numbers(keras.Sequential(layers), {}).values())
    assert [layer.products_row for layer in found] == [2 * 5 * 3, 2 * 3 * 2]


def test_a_cell_has_its_own_name() -> None:
    values = keras.Input((None, 3), name="x")
    cell = keras.layers.GRUCell(2)
    (layer,) = numbers(keras.Model(values, keras.layers.RNN(cell)(values)), {"x": TIME}).values()
    assert (layer.kind, layer.products_row) == ("GRU", TIME * 2 * (3 + 2) * 3 * 2)


@pytest.mark.parametrize("optimizer, times", [("adam", 2), ("sgd", 0)])
def test_what_the_optimiser_keeps(network: keras.Model, optimizer: str, times: int) -> None:
    compile_network(network, TASK, TrainingOptions(optimizer=optimizer), None)
    kept = optimizer_bytes(network)
    # Beside a slot a parameter, the step and the learning rate.
    assert times * 4 * network.count_params() <= kept < times * 4 * network.count_params() + 100


def test_shapes_are_said_in_words() -> None:
    assert shown_shape((None, None, 64)) == "[batch, time, 64]"
    assert shown_shape((None, 2, None)) == "[batch, 2, ?]"
