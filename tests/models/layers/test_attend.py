"""Attention for a given query, step by step and at once, and the weights that insight shows."""

import keras
import numpy as np
import pytest

from models.layers.attention import (
    AttentionPooling,
    BahdanauAttention,
    BahdanauPooling,
    LuongAttention,
    LuongPooling,
    SelfAttentionPooling,
)
from models.layers.transformer import TransformerBlock

LENGTHS = np.array([5, 1, 3])
OUTSIDE = np.arange(5)[None, :] >= LENGTHS[:, None]
RANDOM = np.random.default_rng(3)
VALUES = np.where(OUTSIDE[:, :, None], np.nan, RANDOM.normal(size=(3, 5, 4)))
ATTENTION = {
    "bahdanau": (lambda: BahdanauAttention(6, dtype="float64"), 3),
    "general": (lambda: LuongAttention("general", dtype="float64"), 3),
    "dot": (lambda: LuongAttention("dot", dtype="float64"), 4),
}


@pytest.mark.parametrize("name", ATTENTION)
def test_queries_are_answered_alike_one_by_one_at_once_and_with_keys_at_hand(name: str) -> None:
    make, width = ATTENTION[name]
    attend = make()
    queries = RANDOM.normal(size=(3, 7, width))
    contexts, weights = attend(queries, VALUES, LENGTHS)
    assert contexts.shape == (3, 7, 4) and weights.shape == (3, 7, 5)
    np.testing.assert_allclose(np.sum(weights, axis=-1), np.ones((3, 7)))
    assert not np.asarray(weights)[np.broadcast_to(OUTSIDE[:, None], (3, 7, 5))].any()
    seen = np.where(OUTSIDE[:, :, None], 0.0, VALUES)
    np.testing.assert_allclose(contexts, np.asarray(weights) @ seen)
    np.testing.assert_allclose(contexts[1], np.tile(VALUES[1, :1], (7, 1)))
    keys = attend.keys(VALUES, LENGTHS)
    for step in range(7):
        alone, its_weights = attend(queries[:, step], VALUES, LENGTHS)
        stepped, _ = attend(queries[:, step], VALUES, LENGTHS, keys=keys)
        np.testing.assert_allclose(alone, contexts[:, step])
        np.testing.assert_allclose(stepped, contexts[:, step])
        np.testing.assert_allclose(its_weights, weights[:, step])


@pytest.mark.parametrize("name", ATTENTION)
def test_shapes_are_known_beforehand_and_the_layer_is_rebuilt(name: str) -> None:
    make, width = ATTENTION[name]
    inputs = [keras.Input((None, width)), keras.Input((None, 4)), keras.Input((), dtype="int32")]
    attend = make()
    context, weights = attend(*inputs)
    assert context.shape == (None, None, 4) and weights.shape == (None, None, None)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(attend))
    assert again.get_config() == attend.get_config()


def test_a_dot_of_different_widths_is_refused() -> None:
    with pytest.raises(ValueError, match=r"query of width 3 with values of width 4.*general"):
        LuongAttention("dot")(np.ones((3, 3)), VALUES, LENGTHS)


@pytest.mark.parametrize(
    ("layer", "heads"),
    [
        (AttentionPooling(dtype="float64"), ()),
        (BahdanauPooling(dtype="float64"), ()),
        (LuongPooling(dtype="float64"), ()),
        (SelfAttentionPooling(3, dtype="float64"), (3,)),
        (TransformerBlock(2, dropout=0.5, dtype="float64"), (2, 5)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_weights_for_insight_go_with_the_answer(layer: keras.layers.Layer, heads: tuple) -> None:
    plain = layer(VALUES, LENGTHS)
    answer, weights = layer.attend(VALUES, LENGTHS)
    np.testing.assert_allclose(answer, plain, rtol=1e-9, atol=1e-12)
    weights = np.asarray(weights)
    assert weights.shape == (3, *heads, 5)
    for row, length in enumerate(LENGTHS):
        assert not weights[row, ..., length:].any()
        total = weights[row].sum(axis=-1)
        if len(heads) == 2:
            assert not total[:, length:].any()
            total = total[:, :length]
        np.testing.assert_allclose(total, np.ones_like(total))
