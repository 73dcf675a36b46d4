"""The decoder: step by step it says what it said of a whole text, and looks where it should."""

import numpy as np
import pytest

from models.dotted import cell_names
from models.layers.decoder import START, AttentionDecoder

PIECES, ROWS, TIME = 7, 3, 5
LENGTHS = np.array([5, 1, 3], np.int32)
FED = np.array([[START, 2, 3, 6], [START, 1, 1, 0], [START, 5, 2, 2]], np.int32)
REMEMBERING = [name for name in cell_names() if name != "none"]


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def built(cell: str = "gru", **options) -> AttentionDecoder:
    decoder = AttentionDecoder(PIECES, cell, 4, embedding_size=3, **options)
    decoder(FED, *READ)
    for place, weight in enumerate(decoder.trainable_weights):
        weight.assign(0.5 * random(*weight.shape, seed=place + 1))
    return decoder


READ = (random(ROWS, TIME, 6), LENGTHS, random(ROWS, 5))


def stepped(decoder: AttentionDecoder) -> tuple[np.ndarray, list]:
    """Logits of each step, as a search asks for them, and where each looked."""
    read, state = decoder.read(*READ), decoder.begin(ROWS)
    found, looked = [], []
    for tokens in FED.T:
        logits, state, weights = decoder.step(tokens, state, read)
        found.append(np.asarray(logits))
        looked.append(weights)
    return np.stack(found, axis=1), looked


@pytest.mark.parametrize("cell", REMEMBERING)
def test_step_by_step_is_the_whole_with_every_cell(cell: str) -> None:
    decoder = built(cell)
    np.testing.assert_allclose(stepped(decoder)[0], decoder(FED, *READ), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"attention": "bahdanau", "layers": 2},
        {"attention": "none", "tied": False},
        {"attention": "luong", "input_feeding": True},
        {"attention": "none", "input_feeding": True, "cell": "lstm", "layers": 2, "tied": False},
    ],
    ids=str,
)
def test_step_by_step_is_the_whole_with_every_option(options: dict) -> None:
    decoder = built(**options)
    logits, looked = stepped(decoder)
    np.testing.assert_allclose(logits, decoder(FED, *READ), rtol=1e-4, atol=1e-5)
    for weights in looked:
        if options["attention"] == "none":
            assert weights is None
            continue
        weights = np.asarray(weights)
        np.testing.assert_allclose(weights.sum(-1), 1.0, atol=1e-5)
        assert (weights[LENGTHS[:, None] <= np.arange(TIME)] == 0.0).all()


@pytest.mark.parametrize("feeding", [False, True])
def test_a_step_hears_of_the_pieces_before_it_and_of_nothing_behind(feeding: bool) -> None:
    decoder = built(input_feeding=feeding)
    changed = FED.copy()
    changed[:, 2] = 4
    before, after = np.asarray(decoder(FED, *READ)), np.asarray(decoder(changed, *READ))
    np.testing.assert_allclose(before[:, :2], after[:, :2], atol=1e-6)
    assert np.abs(before[:, 2] - after[:, 2]).max() > 1e-3
    read = (READ[0], LENGTHS, READ[2] + 1.0)
    assert np.abs(before[:, 0] - np.asarray(decoder(FED, *read))[:, 0]).max() > 1e-3


@pytest.mark.parametrize("feeding", [False, True])
def test_scheduled_sampling_grows_and_leaves_answers_alone(feeding: bool) -> None:
    plain = built(input_feeding=feeding)
    sampled = built(input_feeding=feeding, sampled=1.0, sampled_after=2)
    expected = np.asarray(plain(FED, *READ))
    np.testing.assert_allclose(sampled(FED, *READ), expected, atol=1e-6)
    for _ in range(2):
        taught = np.asarray(sampled(FED, *READ, training=True))
    assert float(sampled.trained) == 2.0
    np.testing.assert_allclose(taught[:, 0], expected[:, 0], atol=1e-6)
    own = FED.copy()
    for place in range(1, FED.shape[1]):
        best = np.asarray(plain(own, *READ))[:, place - 1].argmax(-1)
        own[:, place] = np.where((FED[:, place] == START) | (best == START), FED[:, place], best)
        if not feeding:
            # The decoder's own pieces are those of a pass over the true text.
            best = expected[:, place - 1].argmax(-1)
            keep = (FED[:, place] == START) | (best == START)
            own[:, place] = np.where(keep, FED[:, place], best)
    np.testing.assert_allclose(taught, plain(own, *READ), rtol=1e-4, atol=1e-5)


def test_it_is_read_back_as_it_was() -> None:
    decoder = built("slstm", layers=1, cell_options={"heads": 2}, attention="bahdanau")
    again = AttentionDecoder.from_config(decoder.get_config())
    again(FED, *READ)
    again.set_weights(decoder.get_weights())
    np.testing.assert_allclose(again(FED, *READ), decoder(FED, *READ), atol=1e-6)
