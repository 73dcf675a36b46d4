"""The conditional random field equals what is counted over all labellings, one by one."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.layers.crf import (
    NOTHING,
    Chain,
    ChainScores,
    best_labels,
    log_likelihood,
    log_partition,
    marginals,
    restricted,
    stretch_logs,
    unpacked,
)

LENGTHS = np.array([4, 1, 3], np.int32)
LABELS = 3


def chain(seed: int, scale: float = 2.0) -> Chain:
    random = np.random.default_rng(seed)
    shapes = ((len(LENGTHS), 4, LABELS), (LABELS, LABELS), (LABELS,), (LABELS,))
    return Chain(*(random.normal(0.0, scale, shape).astype(np.float32) for shape in shapes))


def labellings(scores: Chain, row: int) -> dict[tuple[int, ...], float]:
    """The score of each labelling of a row."""
    emissions, transitions, starts, ends = (np.asarray(part, np.float64) for part in scores)
    found = {}
    for path in itertools.product(range(LABELS), repeat=int(LENGTHS[row])):
        score = starts[path[0]] + ends[path[-1]]
        score += sum(emissions[row, step, label] for step, label in enumerate(path))
        found[path] = score + sum(transitions[pair] for pair in itertools.pairwise(path))
    return found


def array(values) -> np.ndarray:
    return keras.ops.convert_to_numpy(values)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([0.0, 1.0, 4.0]))
def test_sums_and_the_best_are_those_of_all_labellings(seed: int, scale: float) -> None:
    scores = chain(seed, scale)
    total, best = array(log_partition(scores, LENGTHS)), array(best_labels(scores, LENGTHS))
    found = marginals(scores, LENGTHS)
    np.testing.assert_allclose(array(found.log_partition), total, rtol=1e-5)
    for row, steps in enumerate(LENGTHS):
        every = labellings(scores, row)
        expected = np.logaddexp.reduce(list(every.values()))
        np.testing.assert_allclose(total[row], expected, rtol=1e-5)
        assert every[tuple(best[row, :steps])] == pytest.approx(max(every.values()), abs=1e-4)
        shares = np.zeros((steps, LABELS))
        for path, score in every.items():
            shares[np.arange(steps), path] += np.exp(score - expected)
        np.testing.assert_allclose(array(found.steps)[row, :steps], shares, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_unknown_labels_are_summed_over(seed: int) -> None:
    scores = chain(seed)
    labels = np.random.default_rng(seed).integers(-1, LABELS, (3, 4))
    found = array(log_likelihood(scores, labels, LENGTHS))
    only = array(log_partition(restricted(scores, labels), LENGTHS))
    for row, steps in enumerate(LENGTHS):
        every = labellings(scores, row)
        matching = [
            score
            for path, score in every.items()
            if all(label in (-1, given) for label, given in zip(labels[row], path, strict=False))
        ]
        assert steps == len(next(iter(every)))
        expected = np.logaddexp.reduce(matching)
        np.testing.assert_allclose(only[row], expected, rtol=1e-5)
        total = np.logaddexp.reduce(list(every.values()))
        np.testing.assert_allclose(found[row], expected - total, rtol=1e-4, atol=1e-5)


def test_a_stretch_of_labels_has_the_share_of_the_labellings_with_it() -> None:
    scores = chain(3)
    labels = np.random.default_rng(4).integers(0, LABELS, (3, 4))
    first, last = map(array, stretch_logs(scores, marginals(scores, LENGTHS), labels))
    for row, start, end in ((0, 1, 2), (0, 0, 3), (0, 2, 2), (1, 0, 0), (2, 0, 1)):
        every = labellings(scores, row)
        wanted = tuple(labels[row, start : end + 1])
        shared = [score for path, score in every.items() if path[start : end + 1] == wanted]
        expected = np.logaddexp.reduce(shared) - np.logaddexp.reduce(list(every.values()))
        np.testing.assert_allclose(first[row, start] + last[row, end], expected, rtol=1e-4)


def test_what_stands_in_the_padding_and_how_much_never_counts() -> None:
    scores = chain(5)
    within = np.arange(4)[None, :, None] < LENGTHS[:, None, None]
    noisy = scores._replace(emissions=np.where(within, scores.emissions, 30.0))
    wider = scores._replace(
        emissions=np.pad(scores.emissions, [(0, 0), (0, 3), (0, 0)], constant_values=-7.0)
    )
    for other in (noisy, wider):
        for function in (
            log_partition,
            lambda given, lengths: best_labels(given, lengths)[:, :4] * within[:, :, 0],
            lambda given, lengths: marginals(given, lengths).steps[:, :4] * within,
        ):
            np.testing.assert_allclose(
                array(function(other, LENGTHS)), array(function(scores, LENGTHS)), rtol=1e-5
            )


def test_what_is_forbidden_is_neither_answered_nor_given_a_share() -> None:
    scores = chain(6)
    transitions = scores.transitions.copy()
    transitions[0, 1] = transitions[2, 1] = NOTHING
    starts = scores.starts + np.array([0, NOTHING, 0], np.float32)
    emissions = scores.emissions + np.array([0, 9, 0], np.float32)
    scores = Chain(emissions, transitions, starts, scores.ends)
    best = array(best_labels(scores, LENGTHS))
    assert all(1 not in best[row, :steps] for row, steps in enumerate(LENGTHS))
    found = array(marginals(scores, LENGTHS).steps)
    assert max(found[row, :steps, 1].max() for row, steps in enumerate(LENGTHS)) < 1e-6


def test_gradients_are_those_of_finite_differences() -> None:
    import tensorflow as tf

    variables = [tf.Variable(part) for part in chain(7)]
    labels = np.array([[0, 2, -2, 1], [1, -1, -1, -1], [2, 2, 0, -1]])

    def value() -> tf.Tensor:
        given = Chain(*(tf.convert_to_tensor(variable) for variable in variables))
        return tf.reduce_sum(log_likelihood(given, labels, LENGTHS))

    with tf.GradientTape() as tape:
        found = value()
    random, size = np.random.default_rng(8), 1e-2
    for variable, gradient in zip(variables, tape.gradient(found, variables), strict=True):
        direction = random.normal(size=variable.shape).astype(np.float32)
        before = variable.numpy()
        sides = []
        for sign in (1, -1):
            variable.assign(before + sign * size * direction)
            sides.append(float(value()))
        variable.assign(before)
        slope = (sides[0] - sides[1]) / (2 * size)
        assert slope == pytest.approx(float(np.sum(gradient.numpy() * direction)), abs=2e-2)


def test_a_layer_packs_the_chain_behind_the_steps() -> None:
    layer = ChainScores()
    emissions = chain(9).emissions
    assert layer.compute_output_shape((None, None, LABELS)) == (None, None, LABELS)
    assert tuple(layer(emissions).shape) == (3, 4 + LABELS + 2, LABELS)
    given = np.arange((LABELS + 2) * LABELS, dtype=np.float32).reshape(LABELS + 2, LABELS)
    layer.set_weights([given])
    found = unpacked(layer(emissions))
    np.testing.assert_array_equal(array(found.emissions), emissions)
    np.testing.assert_array_equal(array(found.transitions), given[:LABELS])
    np.testing.assert_array_equal(array(found.starts), given[LABELS])
    np.testing.assert_array_equal(array(found.ends), given[LABELS + 1])
    nobody = unpacked(layer(emissions[:0]))
    assert tuple(nobody.emissions.shape) == (0, 4, LABELS) and not array(nobody.ends).any()
