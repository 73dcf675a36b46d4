"""The loss over all paths, against the forward algorithm of the paper."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from models.layers.ctc import PathLoss, PathScores, path_nats


def forward(scores: np.ndarray, text: list[int]) -> float:
    """Minus the logarithm of a text's probability; Graves et al. 2006, equations 6 to 8."""
    states = [0]
    for piece in text:
        states += [piece, 0]
    probabilities = np.exp(scores.astype(np.float64))
    alpha = np.zeros(len(states))
    alpha[:2] = probabilities[0, states[:2]]
    for frame in probabilities[1:]:
        before = alpha
        alpha = np.zeros_like(before)
        for place, piece in enumerate(states):
            come = before[place] + (before[place - 1] if place else 0.0)
            if place > 1 and piece and piece != states[place - 2]:
                come += before[place - 2]
            alpha[place] = come * frame[piece]
    with np.errstate(divide="ignore"):
        return float(-np.log(alpha[-2:].sum()))


def scored(rows: int, steps: int, lengths: list[int], seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(0.0, 2.0, (rows, steps, 4)).astype(np.float32)
    return ops.convert_to_numpy(PathScores()(values, np.array(lengths, np.int32)))


@settings(max_examples=10, deadline=None)
@given(
    texts=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=3, max_size=3),
    seed=st.integers(0, 1000),
)
def test_the_loss_is_that_of_the_forward_algorithm(texts: list[list[int]], seed: int) -> None:
    lengths = [7, 6, 9]
    scores = scored(3, 9, lengths, seed)
    labels = np.full((3, 5), -1)
    for row, text in enumerate(texts):
        labels[row, : len(text)] = text
    nats, pieces, fits = path_nats(labels, scores)
    for row, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        np.testing.assert_allclose(nats[row], forward(scores[row, :length], text), rtol=1e-4)
        assert pieces[row] == len(text) and fits[row]
    expected = np.sum(nats) / sum(map(len, texts))
    np.testing.assert_allclose(PathLoss()(labels, scores), expected, rtol=1e-5)


def test_padding_of_frames_and_of_labels_never_counts() -> None:
    values = np.random.default_rng(1).normal(size=(2, 12, 4)).astype(np.float32)
    lengths, labels = np.array([5, 3], np.int32), np.array([[1, 1], [2, -1]])
    short = PathScores()(values[:, :5], lengths)
    values[0, 5:], values[1, 3:] = np.nan, 1e6
    wide = PathScores()(values, lengths)
    np.testing.assert_array_equal(wide[:, :5], short)
    wider = np.concatenate([labels, np.full((2, 4), -1)], axis=1)
    loss = keras.Variable(0.0)
    loss.assign(PathLoss()(labels, short))
    np.testing.assert_allclose(PathLoss()(wider, wide), loss, rtol=1e-6)


@pytest.mark.parametrize("text", [[1, 2, 3, 1], [1, 1, 1]])
def test_a_text_that_does_not_fit_does_not_count(text: list[int]) -> None:
    values = tf.Variable(np.random.default_rng(2).normal(size=(2, 6, 4)).astype(np.float32))
    labels = np.array([text + [-1] * (4 - len(text)), [3, -1, -1, -1]])
    with tf.GradientTape() as tape:
        scores = PathScores()(values, np.array([3, 6], np.int32))
        loss = PathLoss()(labels, scores)
    expected = forward(scores.numpy()[1], [3])
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    gradient = tape.gradient(loss, values).numpy()
    assert np.isfinite(gradient).all()
    assert not gradient[0].any() and gradient[1].any()
