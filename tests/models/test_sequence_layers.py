"""The layers that mix steps, against NumPy, and their contract that padding never counts."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers.sequence import (
    LastPooling,
    MaxPooling,
    MeanPooling,
    ReverseSequence,
    check_lengths,
)

FAST = settings(max_examples=30, deadline=None)
POOLINGS = {"last": LastPooling, "mean": MeanPooling, "max": MaxPooling}
LAYERS = [ReverseSequence, *POOLINGS.values()]


@st.composite
def sequences(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Values ``[batch, time, units]`` (padding included) and lengths ``[batch]``."""
    batch, time, units = (draw(st.integers(1, high)) for high in (4, 7, 3))
    lengths = draw(st.lists(st.integers(1, time), min_size=batch, max_size=batch))
    seed = draw(st.integers(0, 2**32 - 1))
    scale = draw(st.sampled_from([1e-3, 1.0, 1e3]))
    values = np.random.default_rng(seed).normal(0.0, scale, (batch, time, units))
    return values.astype(np.float32), np.asarray(lengths, np.int32)


def answer(layer: type[keras.layers.Layer], values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return np.asarray(layer()(values, lengths))


def reference(name: str, values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    rows = [row[:length] for row, length in zip(values, lengths, strict=True)]
    if name == "last":
        return np.stack([row[-1] for row in rows])
    if name == "mean":
        return np.stack([row.astype(np.float64).mean(axis=0) for row in rows])
    return np.stack([row.max(axis=0) for row in rows])


@FAST
@given(sequences())
def test_reversal_turns_each_sequence_around_and_leaves_its_padding(
    sequence: tuple[np.ndarray, np.ndarray],
) -> None:
    values, lengths = sequence
    expected = values.copy()
    for row, length in enumerate(lengths):
        expected[row, :length] = values[row, :length][::-1]
    np.testing.assert_array_equal(answer(ReverseSequence, values, lengths), expected)


@FAST
@given(sequences())
def test_reversing_twice_gives_the_sequence_back(sequence: tuple[np.ndarray, np.ndarray]) -> None:
    values, lengths = sequence
    once = answer(ReverseSequence, values, lengths)
    np.testing.assert_array_equal(answer(ReverseSequence, once, lengths), values)


@pytest.mark.parametrize("name", sorted(POOLINGS))
@FAST
@given(sequence=sequences())
def test_pooling_equals_numpy_over_the_steps_within_the_length(
    name: str, sequence: tuple[np.ndarray, np.ndarray]
) -> None:
    values, lengths = sequence
    pooled = answer(POOLINGS[name], values, lengths)
    assert pooled.shape == (values.shape[0], values.shape[2])
    scale = np.abs(values).max()
    np.testing.assert_allclose(
        pooled, reference(name, values, lengths), rtol=1e-5, atol=1e-6 * scale
    )


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
@FAST
@given(
    sequence=sequences(),
    garbage=st.sampled_from([0.0, -7.5, 9999.0, -9999.0, np.inf, -np.inf, np.nan]),
    more=st.integers(0, 5),
)
def test_neither_content_nor_amount_of_padding_changes_a_result(
    layer: type[keras.layers.Layer],
    sequence: tuple[np.ndarray, np.ndarray],
    garbage: float,
    more: int,
) -> None:
    values, lengths = sequence
    inside = np.arange(values.shape[1])[None, :, None] < lengths[:, None, None]
    spoilt = np.where(inside, values, np.float32(garbage))
    spoilt = np.pad(spoilt, [(0, 0), (0, more), (0, 0)], constant_values=garbage)
    plain, changed = answer(layer, values, lengths), answer(layer, spoilt, lengths)
    if layer is ReverseSequence:
        plain = np.where(inside, plain, 0.0)
        changed = np.where(inside, changed[:, : values.shape[1]], 0.0)
    np.testing.assert_allclose(changed, plain, rtol=1e-5, atol=1e-5 * np.abs(values).max())


def test_maximum_of_very_low_values_is_one_of_them_beside_padding() -> None:
    values = np.full((1, 2, 1), -3e4, np.float32)
    np.testing.assert_array_equal(answer(MaxPooling, values, np.array([1])), [[-3e4]])


def test_gradients_beside_padding_are_finite_and_reach_no_padding() -> None:
    values = keras.ops.convert_to_tensor(np.array([[[3.0], [1.0], [np.inf]]], np.float32))
    with tf.GradientTape() as tape:
        tape.watch(values)
        pooled = MaxPooling()(values, np.array([2]))
    np.testing.assert_array_equal(tape.gradient(pooled, values), [[[1.0], [0.0], [0.0]]])


def test_lengths_of_any_integer_type_are_read() -> None:
    values = np.arange(6, dtype=np.float32).reshape(1, 3, 2)
    for dtype in (np.int32, np.int64, np.uint8):
        pooled = answer(MeanPooling, values, np.array([2], dtype))
        np.testing.assert_array_equal(pooled, [[1.0, 2.0]])


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_the_shape_stated_beforehand_is_the_shape_that_comes(
    layer: type[keras.layers.Layer],
) -> None:
    stated = layer().compute_output_shape((2, 5, 3), (2,))
    came = answer(layer, np.zeros((2, 5, 3), np.float32), np.array([1, 5])).shape
    assert tuple(stated) == came
    symbolic = layer()(keras.Input((None, 3)), keras.Input((), dtype="int32"))
    assert symbolic.shape == (None, None, 3) if layer is ReverseSequence else (None, 3)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_the_layer_is_rebuilt_from_its_configuration(layer: type[keras.layers.Layer]) -> None:
    written = keras.saving.serialize_keras_object(layer(name="mine"))
    again = keras.saving.deserialize_keras_object(written)
    assert type(again) is layer
    assert again.name == "mine"


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ([2, 4], r"lengths\[1\] is 4.*from 1 to the 3 steps.*pad the values"),
        ([0, 1], r"lengths\[0\] is 0.*an empty sequence"),
        ([-1, 1], r"lengths\[0\] is -1"),
        ([1], r"shape \[1\] came with values of shape \[2, 3, 1\]"),
        ([1.0, 2.0], "float64; whole numbers"),
    ],
)
def test_lengths_that_do_not_go_with_their_values_are_refused(lengths: list, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_lengths(np.zeros((2, 3, 1)), np.asarray(lengths))


def test_lengths_up_to_the_last_step_are_taken() -> None:
    check_lengths(np.zeros((2, 3, 1)), np.asarray([1, 3]))
    check_lengths(np.zeros((2, 3)), keras.ops.convert_to_tensor([3, 2]))
