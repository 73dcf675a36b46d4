"""What stands around the cells in an experiment's network: stacks, both directions, and more."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from battery import references
from battery.listed import CELLS, Listed, by_name
from pydantic import ValidationError

from models.features.text import Options as Text
from models.network import build
from models.spec import NetworkOptions
from models.tasks.classify import Options as Classify
from models.tasks.tag import Options as Tag

VOCABULARIES = {"text": [f"word{number}" for number in range(9)], "label": ["a", "b"]}
LENGTHS = [1, 5, 3]
FULL = {
    "units": 4,
    "layers": 2,
    "embedding_size": 4,
    "heads": 2,
    "residual": True,
    "layer_norm": True,
    "layer_dropout": 0.1,
    "convolution": {"filters": 6, "kernel_size": 2},
    "transformer": {"feed_forward_units": 8, "dropout": 0.1},
}


def network(learnt, task: Any = None, **options: Any) -> keras.Model:
    """With every weight drawn anew."""
    features = {"text": Text(kind="text")}
    task = task or Classify(kind="classify", label="kind")
    built = build(features, task, NetworkOptions.model_validate(options), learnt)
    random = np.random.default_rng(1)
    weights = {id(weight) for weight in built.trainable_weights}
    for weight in built.weights:
        if id(weight) in weights:
            weight.assign(random.normal(0.0, 0.5, weight.shape))
    return built


def batch(time: int = 5, filler: int = 0) -> dict[str, np.ndarray]:
    ids = np.random.default_rng(2).integers(1, 10, (len(LENGTHS), 5))
    ids = np.pad(ids, [(0, 0), (0, time - 5)])
    inside = np.arange(time)[None, :] < np.asarray(LENGTHS)[:, None]
    ids = np.where(inside, ids, filler).astype(np.int32)
    return {"text": ids, "text_length": np.asarray(LENGTHS, np.int32)}


@pytest.fixture(scope="module")
def learnt(plain_learnt: Callable):
    return plain_learnt(VOCABULARIES)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_padding_changes_no_answer_whatever_stands_around_the_cell(cell: Listed, learnt) -> None:
    built = network(
        learnt,
        **FULL,
        cell=cell.name,
        bidirectional=cell.name != "none",
        pooling=["mean", "attention", "self_attention"],
        **({"recurrent_dropout": 0.2} if cell.recurrent_dropout else {}),
    )
    encoder = keras.Model(built.inputs, built.get_layer("_vector").output)
    expected = np.asarray(encoder(batch()))
    assert np.ptp(expected, axis=0).min() > 1e-5, "the rows would be answered alike anyway"
    wider = np.asarray(encoder(batch(14, filler=7)))
    np.testing.assert_allclose(wider, expected, rtol=1e-4, atol=1e-4)
    alone = {"text": batch()["text"][1:2], "text_length": np.array([5], np.int32)}
    np.testing.assert_allclose(np.asarray(encoder(alone))[0], expected[1], rtol=1e-4, atol=1e-4)


def test_every_step_is_answered_alike_in_more_padding(learnt) -> None:
    task = Tag(kind="tag", label="tags", aligned_with="text")
    built = network(learnt, task, **FULL, bidirectional=True, cell="slstm")
    expected, wider = np.asarray(built(batch())), np.asarray(built(batch(14, filler=7)))
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(wider[row, :length], expected[row, :length], rtol=2e-4)


def test_a_deep_stack_equals_the_equations_with_its_residuals_and_norms(learnt) -> None:
    built = network(
        learnt,
        cell="indrnn",
        units=4,
        layers=3,
        bidirectional=True,
        embedding_size=3,
        residual=True,
        layer_norm=True,
    )
    inner = keras.Model(
        built.inputs,
        [built.get_layer(f"text.{direction}.last").output for direction in ("forward", "backward")],
    )
    given = batch()
    found = [np.asarray(vector) for vector in inner(given)]
    table = built.get_layer("text.embedding").get_weights()[0].astype(np.float64)

    def layer(name: str, steps: np.ndarray) -> np.ndarray:
        outputs = references.indrnn(steps, by_name(built.get_layer(name)))
        scale, shift = (w.astype(np.float64) for w in built.get_layer(f"{name}.norm").get_weights())
        mean, variance = outputs.mean(1, keepdims=True), outputs.var(1, keepdims=True)
        return (outputs - mean) / np.sqrt(variance + 1e-3) * scale + shift

    for row, length in enumerate(LENGTHS):
        read, before = table[given["text"][row, :length]], None
        for index in range(3):
            outputs = {
                "forward": layer(f"text.forward.{index}", read),
                "backward": layer(f"text.backward.{index}", read[::-1]),
            }
            if before is not None:
                outputs = {name: outputs[name] + before[name] for name in outputs}
            before = outputs
            read = np.concatenate([outputs["forward"], outputs["backward"][::-1]], axis=1)
        for vector, direction in zip(found, ("forward", "backward"), strict=True):
            np.testing.assert_allclose(vector[row], outputs[direction][-1], rtol=1e-3, atol=1e-5)


def test_options_reach_the_cell(learnt) -> None:
    built = network(
        learnt, cell="indrnn", timescale=50, recurrent_dropout=0.25, units=4, embedding_size=3
    )
    layer = built.get_layer("text.forward.0")
    assert layer.cell.timescale == 50
    assert layer.recurrent_dropout == 0.25
    built = network(learnt, cell="mlstm", heads=1, units=3, embedding_size=3)
    assert built.get_layer("text.forward.0").cell.heads == 1


def test_dropout_between_layers_is_the_same_at_each_step(learnt) -> None:
    built = network(
        learnt, cell="none", units=8, layers=2, embedding_size=3, layer_dropout=0.5, pooling="mean"
    )
    drop = built.get_layer("text.forward.1.dropout")
    dropped = np.asarray(drop(np.ones((2, 6, 8), np.float32), training=True))
    np.testing.assert_array_equal(dropped, np.broadcast_to(dropped[:, :1], dropped.shape))
    assert set(np.unique(dropped)) == {0.0, 2.0}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cell": "lsmt"}, ["unknown cell 'lsmt'", "allowed: elman", "lstm"]),
        ({"units": 0}, ["units", "greater than or equal to 1"]),
        ({"cell": "elman", "timescale": 100}, ["timescale with cell: elman", "lstm"]),
        (
            {"cell": "mlstm", "recurrent_dropout": 0.1},
            ["with cell: mlstm, which takes none", "lstm"],
        ),
        ({"heads": 2}, ["heads with cell: lstm", "slstm", "so do transformer"]),
        (
            {"layers": 0, "transformer": {}, "convolution": {"filters": 6}},
            ["convolution.filters: 6 in 4 heads"],
        ),
        ({"cell": "slstm", "units": 6}, ["units: 6 in 4 heads", "change one"]),
        ({"transformer": {}, "units": 6}, ["units: 6 in 4 heads"]),
        ({"residual": True}, ["residual stands between recurrent layers, and layers is 1"]),
        ({"layer_dropout": 0.1}, ["layer_dropout", "set layers: 2"]),
        ({"layers": 0, "pooling": "mean", "layer_norm": True}, ["layer_norm with layers: 0"]),
        ({"layers": 0, "pooling": "mean", "recurrent_dropout": 0.1}, ["with layers: 0"]),
        ({"timescale": 2}, ["timescale", "greater than or equal to 3"]),
        ({"convolution": {"kernel_size": 0}}, ["kernel_size"]),
        ({"pooling": ["last", "last"]}, ["each once", "self_attention"]),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_what_can(options: dict, words: list[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        NetworkOptions.model_validate(options)
    for word in words:
        assert word in str(refused.value)


def test_a_cell_of_ones_own_takes_what_its_layer_says(tmp_path, monkeypatch) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "cells.py").write_text(
        "import keras\n\n\ndef layer(units, name, *, heads=1):\n"
        "    return keras.layers.Dense(units, name=name)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    options = NetworkOptions(cell="own.cells", heads=2)
    assert options.cell_options == {"heads": 2}
    with pytest.raises(ValidationError, match="recurrent_dropout with cell"):
        NetworkOptions(cell="own.cells", recurrent_dropout=0.1)
