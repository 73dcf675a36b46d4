"""The contract of every layer that has weights and mixes steps; a new one is listed in CASES.

Each stands beside a reference in NumPy that reads one row at a time, without any padding.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers.attention import (
    AttentionPooling,
    BahdanauPooling,
    LuongPooling,
    SelfAttentionPooling,
)
from models.layers.convolution import SequenceConvolution, StridedLengths
from models.layers.pooling import POOLINGS
from models.layers.transformer import TransformerBlock

UNITS = 4
FEW = settings(max_examples=12, deadline=None)
Weights = list[np.ndarray]


class Case(NamedTuple):
    """A layer and what a row ``[time, units]`` is to become, given the layer's weights."""

    make: Callable[..., keras.layers.Layer]
    reference: Callable[[np.ndarray, Weights], np.ndarray]


def softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def additive(row: np.ndarray, weights: Weights) -> np.ndarray:
    kernel, bias, score = weights
    heads = [softmax(np.tanh(row @ kernel + bias) @ score[:, head]) for head in range(len(score.T))]
    return np.concatenate([sum(a * h for a, h in zip(head, row, strict=True)) for head in heads])


def bahdanau(row: np.ndarray, weights: Weights) -> np.ndarray:
    query, bias, key, score = weights
    scores = [score[:, 0] @ np.tanh(row[-1] @ query + bias + step @ key) for step in row]
    return softmax(np.array(scores)) @ row


def luong(row: np.ndarray, weights: Weights) -> np.ndarray:
    key = weights[0] if weights else np.eye(UNITS)
    return softmax(np.array([row[-1] @ (step @ key) for step in row])) @ row


def convolution(size: int) -> Callable[[np.ndarray, Weights], np.ndarray]:
    def reference(row: np.ndarray, weights: Weights) -> np.ndarray:
        kernel, bias = weights
        before = (size - 1) // 2
        padded = np.pad(row, [(before, size - 1 - before), (0, 0)])
        steps = [padded[t : t + size] for t in range(len(row))]
        return np.maximum(0.0, [np.einsum("ku,kuf->f", step, kernel) + bias for step in steps])

    return reference


def normalised(row: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    centred = row - row.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-3) * scale + shift


def transformer(row: np.ndarray, weights: Weights) -> np.ndarray:
    scale, shift, *attention = weights[:10]
    query, query_bias, key, key_bias, value, value_bias, out, out_bias = attention
    normed = normalised(row, scale, shift)
    row = row + out_bias
    for head in range(query.shape[1]):
        asked = normed @ query[:, head] + query_bias[head]
        keys = normed @ key[:, head] + key_bias[head]
        share = softmax(asked @ keys.T / np.sqrt(keys.shape[-1]))
        row = row + share @ (normed @ value[:, head] + value_bias[head]) @ out[head]
    scale, shift, wide, wide_bias, narrow, narrow_bias = weights[10:]
    hidden = np.maximum(0.0, normalised(row, scale, shift) @ wide + wide_bias)
    return row + hidden @ narrow + narrow_bias


CASES = {
    "attention": Case(AttentionPooling, additive),
    "attention of other width": Case(lambda **o: AttentionPooling(units=3, **o), additive),
    "self-attention": Case(lambda **o: SelfAttentionPooling(heads=3, units=5, **o), additive),
    "bahdanau": Case(BahdanauPooling, bahdanau),
    "luong": Case(LuongPooling, luong),
    "luong dot": Case(lambda **o: LuongPooling("dot", **o), luong),
    "convolution": Case(lambda **o: SequenceConvolution(5, 3, **o), convolution(3)),
    "even convolution": Case(lambda **o: SequenceConvolution(2, 4, **o), convolution(4)),
    "transformer": Case(lambda **o: TransformerBlock(2, 6, dropout=0.5, **o), transformer),
}
every_layer = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def built(case: Case, dtype: str = "float64") -> keras.layers.Layer:
    layer = case.make(dtype=dtype, name="mine")
    layer.build((None, None, UNITS), (None,))
    random = np.random.default_rng(2)
    layer.set_weights([random.normal(0.0, 0.7, w.shape) for w in layer.get_weights()])
    return layer


def answer(layer: keras.layers.Layer, values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(values), lengths))


def over_rows(case: Case, layer: keras.layers.Layer, values, lengths) -> np.ndarray:
    weights = [np.asarray(weight, np.float64) for weight in layer.get_weights()]
    rows = [
        case.reference(np.asarray(row[:length], np.float64), weights)
        for row, length in zip(values, lengths, strict=True)
    ]
    if rows[0].ndim == 1:
        return np.stack(rows)
    return np.stack([np.pad(r, [(0, values.shape[1] - len(r)), (0, 0)]) for r in rows])


@st.composite
def sequences(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Values ``[batch, time, units]`` and lengths ``[batch]``."""
    batch, time = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    lengths = draw(st.lists(st.integers(1, time), min_size=batch, max_size=batch))
    seed, scale = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([1e-3, 1.0, 30.0]))
    values = np.random.default_rng(seed).normal(0.0, scale, (batch, time, UNITS))
    return values, np.asarray(lengths, np.int32)


def spoilt(values: np.ndarray, lengths: np.ndarray, garbage: float, more: int = 0) -> np.ndarray:
    inside = np.arange(values.shape[1])[None, :, None] < lengths[:, None, None]
    kept = np.where(inside, values, garbage)
    return np.pad(kept, [(0, 0), (0, more), (0, 0)], constant_values=garbage)


# Keras says it of the Transformer's attention over a sequence of one step.
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@every_layer
def test_it_equals_numpy_and_neither_content_nor_amount_of_padding_counts(case: Case) -> None:
    layer = built(case)

    @FEW
    @given(sequences(), st.sampled_from([0.0, 9e9, np.inf, np.nan]), st.integers(0, 4))
    def holds(sequence: tuple[np.ndarray, np.ndarray], garbage: float, more: int) -> None:
        values, lengths = sequence
        expected = over_rows(case, layer, values, lengths)
        came = answer(layer, spoilt(values, lengths, garbage, more), lengths)
        if came.ndim == 3:
            assert not came[:, values.shape[1] :].any()
            came = came[:, : values.shape[1]]
        scale = np.abs(expected).max()
        np.testing.assert_allclose(came, expected, rtol=1e-7, atol=1e-7 * scale)
        stated = layer.compute_output_shape(values.shape, lengths.shape)
        assert tuple(stated) == came.shape

    holds()


@every_layer
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_it_computes_in_the_given_precision(case: Case, dtype: str) -> None:
    values = np.random.default_rng(0).normal(size=(3, 5, UNITS))
    lengths = np.array([5, 1, 3])
    layer = built(case, dtype)
    came = layer(spoilt(values, lengths, np.nan).astype(np.float32), lengths)
    assert keras.backend.standardize_dtype(came.dtype) == layer.compute_dtype
    within = 1e-4 if dtype == "float32" else 0.15
    np.testing.assert_allclose(
        np.asarray(keras.ops.cast(came, "float32")),
        over_rows(case, layer, values, lengths),
        rtol=within,
        atol=within,
    )


@every_layer
@pytest.mark.parametrize("garbage", [0.0, np.nan])
def test_gradients_are_finite_and_none_reaches_the_padding(case: Case, garbage: float) -> None:
    layer, lengths = built(case), np.array([3, 1, 2])
    random = np.random.default_rng(5)
    values = tf.constant(spoilt(random.normal(size=(3, 3, UNITS)), lengths, garbage, 2))
    with tf.GradientTape() as tape:
        tape.watch(values)
        loss = tf.reduce_sum(layer(values, lengths, **training(layer)) ** 2)
    to_values, *to_weights = tape.gradient(loss, [values, *layer.trainable_variables])
    assert np.isfinite(to_values).all()
    outside = np.arange(5)[None, :] >= lengths[:, None]
    assert not to_values.numpy()[outside].any()
    assert to_values.numpy()[~outside].any()
    assert all(np.isfinite(gradient).all() for gradient in to_weights)


def training(layer: keras.layers.Layer) -> dict[str, bool]:
    return {"training": True} if isinstance(layer, TransformerBlock) else {}


@every_layer
def test_it_is_saved_and_rebuilt(case: Case, tmp_path: Path) -> None:
    layer = built(case, "float32")
    inputs = [keras.Input((None, UNITS)), keras.Input((), dtype="int32")]
    network = keras.Model(inputs, layer(*inputs))
    network.save(tmp_path / "it.keras")
    again = keras.models.load_model(tmp_path / "it.keras")
    values = np.random.default_rng(0).normal(size=(2, 4, UNITS)).astype(np.float32)
    lengths = np.array([4, 2], np.int32)
    np.testing.assert_array_equal(again([values, lengths]), network([values, lengths]))
    rebuilt = again.get_layer("mine")
    assert type(rebuilt) is type(layer)
    assert rebuilt.get_config() == layer.get_config()


def test_layers_of_convolution_stack() -> None:
    first = built(CASES["convolution"])
    second = SequenceConvolution(3, 3, dtype="float64")
    lengths = np.array([2, 4])
    values = np.random.default_rng(0).normal(size=(2, 4, UNITS))
    alone = second(first(values[:1, :2], lengths[:1]), lengths[:1])
    together = second(first(spoilt(values, lengths, np.nan, 3), lengths), lengths)
    np.testing.assert_allclose(together[:1, :2], alone, rtol=1e-9)
    assert not np.asarray(together)[0, 2:].any()


@pytest.mark.parametrize(("size", "strides"), [(3, 2), (9, 4), (2, 2), (5, 5)])
def test_steps_that_become_one_never_see_the_padding(size: int, strides: int) -> None:
    layer = SequenceConvolution(4, size, strides=strides, dtype="float64")
    again = SequenceConvolution.from_config(layer.get_config())
    lengths = np.array([7, 12, 1])
    left = StridedLengths(strides)(lengths)
    np.testing.assert_array_equal(left, -(-lengths // strides))
    for width in (12, 13, 17):
        values = np.random.default_rng(0).normal(size=(3, width, UNITS))
        values[:, :12] = np.random.default_rng(1).normal(size=(3, 12, UNITS))
        found = np.asarray(layer(values, lengths))
        again(values, lengths)
        again.set_weights(layer.get_weights())
        np.testing.assert_array_equal(again(values, lengths), found)
        assert found.shape == layer.compute_output_shape(values.shape, lengths.shape)
        kernel, bias = (np.asarray(weight) for weight in layer.get_weights())
        before = (size - strides) // 2
        for row, length in zip(range(3), lengths, strict=True):
            padded = np.pad(values[row, :length], [(before, size + strides), (0, 0)])
            for step in range(int(left[row])):
                seen = padded[step * strides : step * strides + size]
                expected = np.maximum(np.einsum("ku,kuf->f", seen, kernel) + bias, 0.0)
                np.testing.assert_allclose(found[row, step], expected, rtol=1e-9, atol=1e-12)
            assert not found[row, int(left[row]) :].any()


@pytest.mark.parametrize("name", POOLINGS)
def test_every_pooling_is_made_by_its_name_alone(name: str) -> None:
    values, lengths = np.ones((2, 3, UNITS), np.float32), np.array([1, 3], np.int32)
    pooled = POOLINGS[name](name="pooled")(values, lengths)
    heads = 4 if name == "self_attention" else 1
    np.testing.assert_allclose(pooled, np.ones((2, heads * UNITS)), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SequenceConvolution(0), "filters: 0 came"),
        (lambda: SequenceConvolution(2, 0), "kernel_size: 0 came"),
        (lambda: SequenceConvolution(2, 3, strides=0), "strides: 0 came"),
        (lambda: SequenceConvolution(2, 3, strides=4), "strides: 4 came; a kernel of 3"),
        (lambda: SelfAttentionPooling(heads=0), "heads: 0 came"),
        (lambda: TransformerBlock(heads=0), "heads: 0 came"),
        (lambda: built(Case(lambda **o: TransformerBlock(3, **o), transformer)), "3 do not divide"),
        (lambda: LuongPooling("dto"), "score: 'dto' came; allowed: dot, general"),
    ],
)
def test_what_cannot_be_built_is_refused(make: Callable, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
