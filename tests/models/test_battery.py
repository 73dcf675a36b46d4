"""What every cell keeps, on every Keras backend: forward, stepping, padding, gradients.

``make test-backends`` runs this file on JAX and PyTorch too.
"""

from collections.abc import Callable, Iterator

import keras
import numpy as np
import pytest
from battery.gradients import gradients
from battery.listed import (
    CELLS,
    NAMES,
    RECURRENT,
    Listed,
    batches,
    by_name,
    policy,
    shaken,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from models.cells import mlstm, slstm
from models.layers import matrix_memory

BACKEND = keras.backend.backend()
# JAX and PyTorch compile or run each shape anew, step by step.
DRAWN = settings(max_examples=4 if BACKEND == "tensorflow" else 2, deadline=None)
# On JAX Keras's own tanh answers float64 with float32 (seen in 3.15), so nothing is finer there.
FINEST = "float32" if BACKEND == "jax" else "float64"
# On PyTorch Keras rounds float64 to float32 where weights are set, so a step must be coarse too.
STEP, RELATIVE, ABSOLUTE = (1e-6, 1e-5, 1e-6) if BACKEND == "tensorflow" else (1e-3, 2e-2, 2e-2)
each_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
each_recurrent = pytest.mark.parametrize("cell", RECURRENT, ids=lambda cell: cell.name)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True, scope="module")
def short_chunks() -> Iterator[None]:
    """mLSTM works by chunks of four steps, so that short sequences have several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrix_memory, "CHUNK", 4)
        yield


def answer(layer: keras.layers.Layer, values: np.ndarray) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(layer(values)), np.float64)


def test_every_cell_of_the_library_is_listed() -> None:
    from models.dotted import cell_names

    assert set(cell_names()) == NAMES


@each_cell
@DRAWN
@given(values=batches(), seed=seeds, units=st.sampled_from([2, 6]))
def test_the_layer_equals_the_equations_step_by_step(
    cell: Listed, values: np.ndarray, seed: int, units: int
) -> None:
    features = values.shape[-1]
    layer = shaken(cell.layer(units), features, seed)
    expected = np.stack([cell.reference(row, by_name(layer)) for row in values.astype(np.float64)])
    scale = np.abs(expected).max()
    np.testing.assert_allclose(answer(layer, values), expected, rtol=1e-5, atol=2e-5 * scale)
    if FINEST == "float64":
        with policy(FINEST):
            layer = shaken(cell.layer(units), features, seed)
        expected = [cell.reference(row, by_name(layer)) for row in values.astype(np.float64)]
        np.testing.assert_allclose(answer(layer, values), expected, rtol=1e-5, atol=1e-9)


@each_recurrent
@DRAWN
@given(values=batches(), seed=seeds)
def test_stepping_with_carried_state_equals_the_whole_sequence(
    cell: Listed, values: np.ndarray, seed: int
) -> None:
    layer = shaken(cell.layer(), values.shape[-1], seed)
    whole = answer(layer, values)
    states = layer.get_initial_state(batch_size=len(values))
    outputs = []
    for step in range(values.shape[1]):
        output, states = layer.cell(values[:, step], states)
        states = list(states) if isinstance(states, list | tuple) else [states]
        outputs.append(ops.convert_to_numpy(output))
    scale = np.abs(whole).max()
    np.testing.assert_allclose(np.stack(outputs, axis=1), whole, rtol=1e-5, atol=1e-5 * scale)


@each_recurrent
def test_a_sequence_in_two_parts_equals_the_whole(cell: Listed) -> None:
    layer = shaken(cell.layer(), 3, 5)
    layer.return_state = True
    values = np.random.default_rng(6).normal(size=(2, 11, 3)).astype(np.float32)
    whole, *last = layer(values)
    first, *states = layer(values[:, :6])
    second, *states = layer(values[:, 6:], initial_state=states)
    joined = np.concatenate([ops.convert_to_numpy(part) for part in (first, second)], axis=1)
    np.testing.assert_allclose(joined, ops.convert_to_numpy(whole), rtol=1e-4, atol=1e-5)
    for state, expected in zip(states, last, strict=True):
        expected = ops.convert_to_numpy(expected)
        np.testing.assert_allclose(
            ops.convert_to_numpy(state), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max()
        )


@each_recurrent
def test_keras_runs_the_cell_by_itself(cell: Listed) -> None:
    layer = shaken(cell.layer(), 3, 7)
    values = np.random.default_rng(8).normal(size=(2, 9, 3)).astype(np.float32)
    plain = keras.layers.RNN(layer.cell, return_sequences=True)
    np.testing.assert_allclose(answer(plain, values), answer(layer, values), rtol=1e-5, atol=1e-6)


@each_cell
@DRAWN
@given(
    values=batches(),
    seed=seeds,
    garbage=st.sampled_from([0.0, -7.5, 9999.0, np.nan]),
    more=st.sampled_from([0, 12]),
    data=st.data(),
)
def test_neither_content_nor_amount_of_padding_changes_a_step(
    cell: Listed, values: np.ndarray, seed: int, garbage: float, more: int, data: st.DataObject
) -> None:
    """Rows of lengths of their own together, beside each row alone."""
    if cell.whole_stretches and np.isnan(garbage):
        garbage = 0.0
    batch, time, features = values.shape
    lengths = [data.draw(st.integers(1, time)) for _ in range(batch)]
    layer = shaken(cell.layer(), features, seed)
    padded = np.full((batch, time + more, features), garbage, np.float32)
    for row, length in enumerate(lengths):
        padded[row, :length] = values[row, :length]
    together = answer(layer, padded)
    for row, length in enumerate(lengths):
        alone = answer(layer, values[row : row + 1, :length])[0]
        scale = np.abs(alone).max()
        np.testing.assert_allclose(together[row, :length], alone, rtol=1e-5, atol=1e-5 * scale)


@each_cell
@settings(max_examples=2, deadline=None)
@given(seed=seeds, time=st.sampled_from([1, 5]))
def test_gradients_equal_finite_differences(cell: Listed, seed: int, time: int) -> None:
    """Along a random direction for the inputs and for each weight."""
    with policy(FINEST):
        layer = shaken(cell.layer(), 3, seed)
    random = np.random.default_rng(seed)
    values = random.normal(size=(2, time, 3)).astype(FINEST)
    weigh = random.normal(size=(2, time, 4)).astype(FINEST)
    weights = layer.get_weights()
    trainable = [index for index, w in enumerate(layer.weights) if w.trainable]

    def loss(outputs):
        return ops.sum(ops.multiply(outputs, weigh))

    analytic = gradients(layer, values, loss)
    for place, gradient in enumerate(analytic):
        direction = random.normal(size=gradient.shape)
        found = []
        for step in (STEP, -STEP):
            moved = list(weights)
            if place:
                moved[trainable[place - 1]] = moved[trainable[place - 1]] + step * direction
            layer.set_weights(moved)
            given_values = values if place else (values + step * direction).astype(FINEST)
            found.append(float(np.sum(answer(layer, given_values) * weigh)))
        layer.set_weights(weights)
        numeric = (found[0] - found[1]) / (2 * STEP)
        expected = float(np.sum(gradient * direction))
        assert numeric == pytest.approx(expected, rel=RELATIVE, abs=ABSOLUTE)


@each_cell
def test_gradients_reach_no_step_behind_the_last_one_read(cell: Listed) -> None:
    layer = shaken(cell.layer(), 3, 9)
    values = np.random.default_rng(10).normal(size=(2, 8, 3)).astype(np.float32)
    of_values, *of_weights = gradients(layer, values, lambda outputs: ops.sum(outputs[:, 4] ** 2))
    assert np.abs(of_values[:, 4]).max() > 0.0
    np.testing.assert_array_equal(of_values[:, 5:], 0.0)
    assert all(np.isfinite(gradient).all() for gradient in of_weights)


@each_cell
def test_sixteen_bits_give_finite_answers_and_gradients(cell: Listed) -> None:
    if (cell.name, BACKEND) == ("gru", "jax"):
        pytest.skip("Keras's own GRU has a float32 state there (seen in 3.15), which JAX refuses")
    with policy("mixed_bfloat16"):
        layer = cell.layer(8)
    values = np.random.default_rng(11).normal(0.0, 30.0, (2, 6, 3)).astype(np.float32)
    outputs = layer(values)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert np.isfinite(np.asarray(ops.convert_to_numpy(ops.cast(outputs, "float32")))).all()
    found = gradients(layer, values, lambda outputs: ops.mean(ops.cast(outputs, "float32") ** 2))
    assert all(np.isfinite(np.asarray(gradient, np.float32)).all() for gradient in found)


@each_cell
def test_a_unit_less_layer_is_refused(cell: Listed) -> None:
    with pytest.raises(ValueError, match="units"):
        cell.layer(0)


@pytest.mark.parametrize("cell", [c for c in CELLS if "heads" in c.options], ids=lambda c: c.name)
def test_heads_that_do_not_divide_the_units_are_refused(cell: Listed) -> None:
    with pytest.raises(ValueError, match="heads is 3, which does not divide units 8"):
        cell.layer(8, heads=3)


@pytest.mark.parametrize(
    "cell", [c for c in CELLS if c.recurrent_dropout], ids=lambda cell: cell.name
)
def test_recurrent_dropout_acts_in_training_only(cell: Listed) -> None:
    layer = shaken(cell.layer(recurrent_dropout=0.5), 3, 12)
    plain = shaken(cell.layer(), 3, 12)
    values = np.random.default_rng(13).normal(size=(2, 6, 3)).astype(np.float32)
    np.testing.assert_allclose(answer(layer, values), answer(plain, values), rtol=1e-5)
    dropped = ops.convert_to_numpy(layer(values, training=True))
    assert np.abs(dropped[:, 0] - answer(plain, values)[:, 0]).max() < 1e-6, "no state to drop yet"
    assert np.abs(dropped - answer(plain, values)).max() > 1e-3


@each_cell
def test_the_layer_is_rebuilt_from_its_configuration(cell: Listed) -> None:
    layer = shaken(cell.layer(), 3, 14)
    written = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(written)
    assert again.get_config() == layer.get_config()
    again(np.zeros((1, 1, 3), np.float32))
    again.set_weights(layer.get_weights())
    values = np.random.default_rng(15).normal(size=(1, 5, 3)).astype(np.float32)
    np.testing.assert_array_equal(answer(again, values), answer(layer, values))


@pytest.mark.parametrize("chunk", [1, 3, 64])
def test_mlstm_in_parallel_equals_its_steps_whatever_the_chunks(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix_memory, "CHUNK", chunk)
    layer = shaken(mlstm.layer(8, "cell", heads=2), 3, 16)
    values = np.random.default_rng(17).normal(0.0, 3.0, (2, 30, 3)).astype(np.float32)
    stepwise = keras.layers.RNN(layer.cell, return_sequences=True)
    expected = answer(stepwise, values)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(answer(layer, values), expected, rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("name", ["slstm", "mlstm"])
def test_gates_of_any_size_overflow_nothing(name: str) -> None:
    cell = next(cell for cell in CELLS if cell.name == name)
    layer = shaken(cell.layer(), 3, 18)
    values = np.random.default_rng(19).normal(0.0, 1e3, (2, 12, 3)).astype(np.float32)
    assert np.isfinite(answer(layer, values)).all()
    found = gradients(layer, values, lambda outputs: ops.mean(outputs**2))
    assert all(np.isfinite(gradient).all() for gradient in found)


def test_gates_of_slstm_say_what_became_of_the_memory() -> None:
    """``c / n`` after a step is the old one and the candidate, weighed by f and i."""
    layer = shaken(slstm.layer(4, "cell", heads=2), 3, 20)
    values = np.random.default_rng(21).normal(size=(2, 4, 3)).astype(np.float32)
    states = layer.get_initial_state(batch_size=2)
    ratio = np.zeros((2, 4))
    for step in range(4):
        gates = layer.cell.gates(values[:, step], states)
        i, f, z, o = map(ops.convert_to_numpy, gates.values())
        output, states = layer.cell(values[:, step], states)
        ratio = f * ratio + i * z
        np.testing.assert_allclose(ops.convert_to_numpy(output), o * ratio, rtol=1e-4, atol=1e-6)


def test_the_larger_gate_of_mlstm_is_one() -> None:
    layer = shaken(mlstm.layer(4, "cell", heads=2), 3, 22)
    values = np.random.default_rng(23).normal(size=(2, 2, 3)).astype(np.float32)
    _, states = layer.cell(values[:, 0], layer.get_initial_state(batch_size=2))
    gates = {k: ops.convert_to_numpy(v) for k, v in layer.cell.gates(values[:, 1], states).items()}
    np.testing.assert_allclose(
        np.maximum(gates["input gate"], gates["forget gate"]), 1.0, rtol=1e-6
    )
    assert gates["output gate"].shape == (2, 4)
    assert ((gates["output gate"] > 0) & (gates["output gate"] < 1)).all()


@pytest.mark.parametrize("name", ["slstm", "mlstm"])
def test_memories_start_as_long_as_the_timescale_says(name: str) -> None:
    """A gate of ``sigmoid(log(t - 1))`` keeps the share ``1 - 1/t`` of a step."""
    module = {"slstm": slstm, "mlstm": mlstm}[name]
    for heads in (1, 4):
        layer = module.layer(8, "cell", heads=heads, timescale=400)
        layer.build((None, None, 3))
        if name == "mlstm":
            forget = by_name(layer)["gate_bias"][heads:]
            assert forget.max() == pytest.approx(np.log(399))
        else:
            gates = by_name(layer)["bias"].reshape(heads, 4, -1)
            forget = gates[:, 1].reshape(-1)
            np.testing.assert_allclose(gates[:, 0].reshape(-1), -forget)
            np.testing.assert_array_equal(gates[:, 2:], 0.0)
        assert (forget >= 0.0).all() and (forget <= np.log(399) + 1e-6).all()
        plain = module.layer(8, "cell", heads=heads)
        plain.build((None, None, 3))
        weights = by_name(plain)
        found = (
            weights["gate_bias"][heads:]
            if name == "mlstm"
            else weights["bias"].reshape(heads, 4, -1)[:, 1]
        )
        assert found.max() == pytest.approx(6.0)
        with pytest.raises(ValueError, match="timescale is 2; it is at least 3"):
            module.layer(8, "cell", timescale=2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda layer: layer(np.zeros((1, 0, 3))), "at least one step"),
        (lambda layer: layer(np.zeros((1, 2, 3)), mask=np.ones((1, 2), bool)), "a mask came"),
        (lambda layer: matrix_memory.MLSTM(layer.cell, go_backwards=True), "go_backwards came"),
    ],
    ids=["no step", "mask", "option"],
)
def test_what_mlstm_cannot_do_is_refused(call: Callable, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(mlstm.layer(4, "cell"))
