"""Counted operations beside the formulas of the textbooks."""

import keras
import numpy as np
import pytest
from keras import ops

from models.flops import Count, call_count

TIME, FEATURES, UNITS = 7, 3, 5
SEQUENCE = (1, TIME, FEATURES)


def count(layer, *shapes: tuple[int, ...], dtype: str = "float32") -> Count:
    inputs = [keras.KerasTensor(shape, dtype) for shape in shapes]
    if not layer.built:
        layer(*inputs)
    return call_count(layer, inputs, {})


def recurrent_products(gates: int) -> int:
    return TIME * 2 * (FEATURES + UNITS) * gates * UNITS


# Additions: two vectors and a bias into each gate; then the gates, and what they do to the state.
LSTM_OTHERS = 2 * 4 * UNITS + 5 * UNITS + 4 * UNITS
SIMPLE_OTHERS = 2 * UNITS + UNITS


@pytest.mark.parametrize(
    "layer, products, others",
    [
        (keras.layers.LSTM, recurrent_products(4), TIME * LSTM_OTHERS),
        (keras.layers.SimpleRNN, recurrent_products(1), TIME * SIMPLE_OTHERS),
        (keras.layers.GRU, recurrent_products(3), None),
    ],
)
@pytest.mark.parametrize("sequences", [False, True])
def test_recurrent_layers(layer, products: int, others: int | None, sequences: bool) -> None:
    counted = count(layer(UNITS, return_sequences=sequences), SEQUENCE)
    assert counted.complete and counted.products == products
    if others is not None:
        assert counted.others == pytest.approx(others, abs=5)
    else:
        assert TIME * 3 * UNITS < counted.others < TIME * 20 * UNITS
    assert counted.results > TIME * UNITS


@pytest.mark.parametrize(
    "layer, shape, products",
    [
        (keras.layers.Dense(UNITS), (1, FEATURES), 2 * FEATURES * UNITS),
        (keras.layers.Dense(UNITS), SEQUENCE, TIME * 2 * FEATURES * UNITS),
        (keras.layers.Conv1D(UNITS, 3, padding="same"), SEQUENCE, TIME * 2 * 3 * FEATURES * UNITS),
        (keras.layers.Conv1D(6, 3, padding="same", groups=3), SEQUENCE, TIME * 2 * 3 * 6),
        (keras.layers.DepthwiseConv1D(3, padding="same"), SEQUENCE, TIME * 2 * 3 * FEATURES),
        (keras.layers.LayerNormalization(), SEQUENCE, 0),
        (keras.layers.Dropout(0.5), SEQUENCE, 0),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_layers_without_recurrence(layer, shape: tuple[int, ...], products: int) -> None:
    counted = count(layer, shape)
    assert counted.complete and counted.products == products


def test_an_embedding_computes_nothing() -> None:
    assert count(keras.layers.Embedding(9, 4), (1, TIME), dtype="int32").flops == 0


def test_attention_is_quadratic_in_time() -> None:
    heads, width = 2, 4
    layer = keras.layers.MultiHeadAttention(heads, width)
    projections = 4 * TIME * 2 * FEATURES * heads * width
    scores = 2 * TIME * TIME * heads * width
    counted = count(layer, SEQUENCE, SEQUENCE)
    assert counted.complete and counted.products == projections + 2 * scores


def test_logic_computes_no_floats() -> None:
    layer = keras.layers.Lambda(lambda x: ops.logical_and(x, ops.logical_not(x)))
    assert count(layer, (1, TIME), dtype="bool") == Count()


def test_bidirectional_counts_both_ways() -> None:
    layer = keras.layers.Bidirectional(keras.layers.LSTM(UNITS, return_sequences=True))
    assert count(layer, SEQUENCE).products == 2 * recurrent_products(4)


@keras.saving.register_keras_serializable(package="tests")
class Loops(keras.layers.Layer):
    """A product in each of the ways that Keras loops."""

    def __init__(self, way: str, **kwargs):
        super().__init__(**kwargs)
        self.way = way

    def build(self, shape):
        self.kernel = self.add_weight(shape=(FEATURES, FEATURES), name="kernel")

    def call(self, values):
        steps = ops.transpose(values, (1, 0, 2))
        if self.way in ("scan", "scan back"):
            step = lambda c, x: (ops.matmul(c + x, self.kernel),) * 2  # noqa: E731
            return ops.scan(step, steps[0], steps, reverse=self.way == "scan back")[0]
        if self.way == "fori":
            body = lambda i, c: ops.matmul(c, self.kernel)  # noqa: E731
            return ops.fori_loop(0, TIME, body, steps[0])
        return ops.map(lambda x: ops.matmul(x, self.kernel), steps)


@pytest.mark.parametrize("way", ["scan", "scan back", "fori", "map"])
def test_every_kind_of_loop(way: str) -> None:
    counted = count(Loops(way), SEQUENCE)
    assert counted.complete and counted.products == TIME * 2 * FEATURES * FEATURES


class UntilSmall(keras.layers.Layer):
    """Goes on until the numbers say so."""

    def call(self, values):
        return ops.while_loop(lambda v: ops.sum(v) > 1.0, lambda v: (v * 0.5,), (values,))[0]


def test_a_loop_that_depends_on_the_data_is_not_complete() -> None:
    counted = count(UntilSmall(), SEQUENCE)
    assert not counted.complete and counted.others >= np.prod(SEQUENCE)
