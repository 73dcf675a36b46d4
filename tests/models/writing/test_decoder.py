"""The attention decoder: a piece at a time is all at once, for every cell."""

import keras
import numpy as np
import pytest

from models.writing.decoder import Decoder

RANDOM = np.random.default_rng(4)
FED = RANDOM.integers(0, 6, (3, 4)).astype("int32")
VECTOR = RANDOM.normal(size=(3, 6)).astype("float32")
LENGTHS = np.array([5, 1, 3], "int32")
VALUES = RANDOM.normal(size=(3, 5, 9)).astype("float32")
CASES = {
    "attention": {},
    "feeding": {"feeding": True},
    "luong": {"attention": "luong", "feeding": True, "layers": 2},
    "a vector": {"attention": None},
    **{
        f"{cell}, feeding {feeding}": {"cell": cell, "feeding": feeding, "attention": "luong"}
        for cell in ("lstm", "elman", "jordan", "indrnn", "slstm", "mlstm")
        for feeding in (False, True)
    },
}


def made(**options) -> Decoder:
    return Decoder(5, 6, **{"units": 8, "embedding_size": 3, **options})


def weighted(decoder: Decoder, *memory: np.ndarray) -> np.ndarray:
    """The whole, with random weights."""
    decoder(FED, VECTOR, *memory)
    random = np.random.default_rng(1)
    for weight in decoder.trainable_weights:
        weight.assign(random.normal(0.0, 0.4, weight.shape))
    return decoder(FED, VECTOR, *memory)


@pytest.mark.parametrize("case", CASES)
def test_a_piece_at_a_time_is_all_at_once(case: str) -> None:
    decoder = made(**CASES[case])
    looked_at = () if decoder.attention is None else (VALUES, LENGTHS)
    whole = weighted(decoder, *looked_at)
    assert whole.shape == (3, 4, 5) and np.ptp(whole) > 0.1
    memory = decoder.memory(*looked_at) if looked_at else None
    state = decoder.start(3, VECTOR)
    for place in range(FED.shape[1]):
        scores, state, weights = decoder.step(FED[:, place], state, memory)
        np.testing.assert_allclose(scores, whole[:, place], rtol=1e-4, atol=1e-5)
        if looked_at:
            outside = np.arange(5) >= LENGTHS[:, None]
            assert not np.asarray(weights)[outside].any()
            np.testing.assert_allclose(np.sum(weights, axis=1), np.ones(3), rtol=1e-5)
        else:
            assert weights is None


def test_what_is_looked_at_and_read_first_counts_and_padding_does_not() -> None:
    decoder = made(feeding=True)
    whole = weighted(decoder, VALUES, LENGTHS)
    beyond = np.where(np.arange(5)[None, :, None] < LENGTHS[:, None, None], VALUES, np.nan)
    np.testing.assert_allclose(decoder(FED, VECTOR, beyond, LENGTHS), whole, rtol=1e-5)
    assert np.abs(decoder(FED, VECTOR, -VALUES, LENGTHS) - whole).max() > 0.01
    assert np.abs(decoder(FED, -VECTOR, VALUES, LENGTHS) - whole).max() > 0.01
    # No step looks ahead.
    later = FED.copy()
    later[:, 3] = 0
    np.testing.assert_allclose(decoder(later, VECTOR, VALUES, LENGTHS)[:, :3], whole[:, :3])


def test_a_decoder_is_built_again_from_its_configuration() -> None:
    decoder = made(cell="lstm", attention="luong", feeding=True, cell_options={"timescale": 9})
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(decoder))
    assert again.get_config() == decoder.get_config()


@pytest.mark.parametrize(
    ("options", "memory", "problem"),
    [
        ({"cell": "none"}, (VALUES, LENGTHS), "cell: none and layers: 1 keep nothing"),
        ({"layers": 0}, (VALUES, LENGTHS), "layers: 0 keep nothing"),
        ({"feeding": True, "cell_options": {"recurrent_dropout": 0.1}}, (), "with feeding, whose"),
        ({}, (), "attention: bahdanau without values"),
        ({"attention": None}, (VALUES, LENGTHS), "attention: None with values"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, memory, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        made(**options)(FED, VECTOR, *memory)
