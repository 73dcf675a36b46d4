"""Chrono initialisation: values gate by gate, statistics, files, and what is refused."""

import keras
import numpy as np
import pytest

from models.cells import gru, lstm
from models.initialisers import ChronoGRU, ChronoLSTM

UNITS, TIMESCALE = 4000, 200.0


def built(layer: keras.layers.RNN) -> np.ndarray:
    layer.build((None, None, 2))
    return np.asarray(layer.cell.bias)


def check_memories(bias: np.ndarray) -> None:
    """Whether the biases are logarithms of numbers drawn evenly between 1 and T - 1."""
    drawn = np.exp(bias.astype(np.float64))
    assert drawn.min() >= 1.0 and drawn.max() <= TIMESCALE - 1.0 + 1e-3
    # Four standard errors of the quantiles of a uniform variable.
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        error = 4 * np.sqrt(share * (1 - share) / UNITS) * (TIMESCALE - 2)
        assert np.quantile(drawn, share) == pytest.approx(1 + share * (TIMESCALE - 2), abs=error)


def test_lstm_forgets_over_the_timescale_and_writes_as_slowly() -> None:
    bias = ChronoLSTM(TIMESCALE, seed=1)((4 * UNITS,))
    i, f, c, o = np.split(np.asarray(bias), 4)
    check_memories(f)
    np.testing.assert_array_equal(i, -f)
    np.testing.assert_array_equal(np.concatenate([c, o]), 0.0)


def test_gru_keeps_over_the_timescale() -> None:
    rows = np.asarray(ChronoGRU(TIMESCALE, seed=1)((2, 3 * UNITS)))
    z, r, h = np.split(rows[0], 3)
    check_memories(z)
    np.testing.assert_array_equal(np.concatenate([r, h, rows[1]]), 0.0)
    np.testing.assert_array_equal(np.asarray(ChronoGRU(TIMESCALE, seed=1)((3 * UNITS,))), rows[0])


@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_layer_holds_its_state_as_long_as_it_was_told(reset_after: bool) -> None:
    """With kernels of zero a unit's state decays by sigmoid(bias) at each step."""
    layer = keras.layers.GRU(
        5,
        kernel_initializer="zeros",
        recurrent_initializer="zeros",
        bias_initializer=ChronoGRU(50, seed=3),
        reset_after=reset_after,
    )
    memory = np.exp(built(layer)[0, :5] if reset_after else built(layer)[:5])
    kept = np.asarray(layer(np.zeros((1, 7, 2)), initial_state=np.ones((1, 5), np.float32)))[0]
    np.testing.assert_allclose(kept, (1 - 1 / (memory + 1)) ** 7, rtol=1e-5)


def test_lstm_layer_holds_its_state_as_long_as_it_was_told() -> None:
    layer = keras.layers.LSTM(
        5,
        kernel_initializer="zeros",
        recurrent_initializer="zeros",
        bias_initializer=ChronoLSTM(50, seed=3),
        unit_forget_bias=False,
        return_state=True,
    )
    memory = np.exp(built(layer)[5:10])
    state = [np.zeros((1, 5), np.float32), np.ones((1, 5), np.float32)]
    _, _, carry = layer(np.zeros((1, 7, 2)), initial_state=state)
    np.testing.assert_allclose(np.asarray(carry)[0], (1 - 1 / (memory + 1)) ** 7, rtol=1e-5)


@pytest.mark.parametrize("kind", [ChronoLSTM, ChronoGRU])
def test_a_seed_gives_the_same_biases_and_survives_a_file(kind: type) -> None:
    first = kind(30, seed=7)
    again = keras.initializers.deserialize(keras.initializers.serialize(first))
    assert type(again) is kind and again.get_config() == {"timescale": 30, "seed": 7}
    shape = (24,)
    np.testing.assert_array_equal(first(shape), again(shape))
    assert not np.array_equal(first(shape), kind(30, seed=8)(shape))
    assert not np.array_equal(kind(30)(shape), kind(30)(shape))


def test_the_seed_of_the_program_is_obeyed() -> None:
    drawn = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        drawn.append(np.asarray(ChronoLSTM(30)((24,))))
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("timescale", [2, 2.9, 0, -5, float("nan"), float("inf")])
@pytest.mark.parametrize("kind", [ChronoLSTM, ChronoGRU])
def test_a_timescale_below_three_steps_is_refused(kind: type, timescale: float) -> None:
    with pytest.raises(ValueError, match=r"timescale is .* 3 timesteps at least"):
        kind(timescale)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [(ChronoLSTM, (10,)), (ChronoLSTM, (2, 8)), (ChronoGRU, (10,)), (ChronoGRU, (3, 9))],
)
def test_another_weight_than_the_bias_is_refused(kind: type, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"fills a bias of shape .* bias_initializer"):
        kind(30)(shape)


@pytest.mark.parametrize("cell", [lstm, gru])
def test_recurrent_kernels_begin_orthogonal_and_forget_gates_open(cell) -> None:
    layer = cell.layer(5, "cell")
    layer.build((None, None, 2))
    _, recurrent, bias = layer.get_weights()
    # The rows [units, gates * units] are orthonormal.
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(5), atol=1e-5)
    if cell is lstm:
        np.testing.assert_array_equal(bias, np.repeat([0.0, 1.0, 0.0, 0.0], 5))
