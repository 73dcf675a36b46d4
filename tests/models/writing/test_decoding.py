"""Beam search and sampling, against every text there is of a small decoder."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.writing.beam import beam_search
from models.writing.sampling import sample

END, SIZE, STEPS = 2, 4, 3
FIRST = 3
"""Of four pieces, 2 ends a text; 3 is fed first, and may be written too."""


def tables(seed: int, rows: int) -> np.ndarray:
    """Log-probabilities of each piece behind each other one, ``[rows, 4, 4]``: a decoder a row."""
    scores = np.random.default_rng(seed).normal(size=(rows, SIZE, SIZE)) * 1.5
    return np.float32(scores - np.log(np.exp(scores).sum(-1, keepdims=True)))


def step(tokens, state):
    """The state holds the row's table and how many pieces were written."""
    table, count = state
    scores = tf.gather(table, tokens, batch_dims=1)
    return scores, (table, count + 1), {"count": tf.cast(count, tf.float32)[:, None]}


def begun(seed: int, rows: int):
    table = tf.constant(tables(seed, rows))
    return (table, tf.zeros([rows], tf.int32)), tf.fill([rows], FIRST)


def every_text(table: np.ndarray, penalty: float) -> dict[tuple[int, ...], float]:
    """The score of each text that ends, or is as long as it may be, by its pieces."""
    found = {}
    for length in range(STEPS + 1):
        for text in itertools.product([0, 1, 3], repeat=length):
            ending = (END,) if length < STEPS else ()
            pieces = [FIRST, *text, *ending]
            total = sum(table[one, other] for one, other in itertools.pairwise(pieces))
            found[text] = float(total / ((5 + length) / 6) ** penalty)
    return found


def texts(written) -> list[list[tuple[int, ...]]]:
    return [
        [tuple(text[:length]) for text, length in zip(row, lengths, strict=True)]
        for row, lengths in zip(written.tokens.numpy(), written.lengths.numpy(), strict=True)
    ]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), penalty=st.sampled_from([0.0, 0.6, 1.0]))
def test_a_beam_as_wide_as_all_texts_finds_the_best_ones(seed: int, penalty: float) -> None:
    state, first = begun(seed, 2)
    written = beam_search(step, state, first, END, STEPS, width=27, length_penalty=penalty)
    for table, found, scores in zip(
        tables(seed, 2), texts(written), written.scores.numpy(), strict=True
    ):
        known = every_text(table, penalty)
        best = sorted(known, key=lambda text: -known[text])[:5]
        np.testing.assert_allclose(scores[:5], [known[text] for text in best], rtol=1e-4)
        np.testing.assert_allclose([known[text] for text in found[:5]], scores[:5], rtol=1e-4)


def test_greedy_takes_the_likeliest_piece_each_time() -> None:
    state, first = begun(3, 5)
    written = beam_search(step, state, first, END, STEPS)
    for table, (found,) in zip(tables(3, 5), texts(written), strict=True):
        expected, last = [], FIRST
        while len(expected) < STEPS:
            last = int(table[last].argmax())
            if last == END:
                break
            expected.append(last)
        assert found == tuple(expected)


def test_what_was_seen_stays_with_the_text_that_saw_it() -> None:
    state, first = begun(5, 3)
    written = beam_search(step, state, first, END, STEPS, width=4, seen={"count": tf.zeros([3, 1])})
    lengths = written.lengths.numpy()
    counted = np.where(np.arange(STEPS) < lengths[..., None], np.arange(STEPS), 0)
    np.testing.assert_array_equal(written.seen["count"].numpy()[..., 0], counted)
    assert (written.tokens.numpy()[np.arange(STEPS) >= lengths[..., None]] == END).all()


def test_limits_end_a_row_and_rows_do_not_touch_each_other() -> None:
    state, first = begun(7, 4)
    limits = tf.constant([0, 1, 2, 3])
    together = beam_search(step, state, first, END, STEPS, width=3, limits=limits)
    assert (together.lengths.numpy() <= np.arange(4)[:, None]).all()
    for row in range(4):
        alone = beam_search(
            step,
            tf.nest.map_structure(lambda part, row=row: part[row : row + 1], state),
            first[row : row + 1],
            END,
            STEPS,
            width=3,
            limits=limits[row : row + 1],
        )
        assert texts(alone)[0] == texts(together)[row]


def test_both_run_in_a_graph_for_any_number_of_rows() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None, SIZE, SIZE])])
    def both(table):
        rows = tf.shape(table)[0]
        state, first = (table, tf.zeros([rows], tf.int32)), tf.fill([rows], FIRST)
        ones = tf.ones([rows])
        drawn = sample(
            step, state, first, END, STEPS, ones * 0.0, tf.zeros([rows], tf.int32), ones,
            tf.range(rows),
        )  # fmt: skip
        found = beam_search(step, state, first, END, STEPS, width=2)
        return drawn.tokens, beam_search(step, state, first, END, STEPS).tokens, found.tokens

    for rows in (1, 3):
        drawn, greedy, beam = both(tables(11, rows))
        np.testing.assert_array_equal(drawn, greedy)
        assert beam.shape == (rows, 2, STEPS)


def drawn(seed_of_table: int, rows: int, **given_options) -> np.ndarray:
    """First pieces drawn from one table with seeds from 0."""
    table = np.repeat(tables(seed_of_table, 1), rows, axis=0)
    options = {"temperature": 1.0, "top_k": 0, "top_p": 1.0} | given_options
    written = tf.function(sample)(
        step,
        (tf.constant(table), tf.zeros([rows], tf.int32)),
        tf.fill([rows], FIRST),
        None,
        1,
        tf.fill([rows], float(options["temperature"])),
        tf.fill([rows], int(options["top_k"])),
        tf.fill([rows], float(options["top_p"])),
        tf.range(rows),
    )
    return written.tokens.numpy()[:, 0, 0]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_pieces_are_drawn_as_often_as_they_are_likely(temperature: float) -> None:
    scores = np.exp(tables(2, 1)[0, FIRST] / temperature)
    shares = np.bincount(drawn(2, 2000, temperature=temperature), minlength=SIZE) / 2000
    np.testing.assert_allclose(shares, scores / scores.sum(), atol=0.04)


def test_only_the_likeliest_are_drawn_from() -> None:
    ranked = tables(2, 1)[0, FIRST].argsort()[::-1]
    assert set(drawn(2, 300, top_k=2)) == set(ranked[:2])
    probabilities = np.exp(tables(2, 1)[0, FIRST][ranked])
    enough = float(probabilities[:2].sum())
    assert set(drawn(2, 300, top_p=enough - 1e-3)) == set(ranked[:2])
    assert set(drawn(2, 300, top_p=enough + 1e-3)) == set(ranked[:3])
    assert set(drawn(2, 300, top_p=0.0)) == {ranked[0]}


def test_a_draw_depends_on_its_own_seed_alone() -> None:
    state, first = begun(4, 4)
    zeros = tf.zeros([4], tf.int32)
    together = sample(
        step, state, first, END, STEPS, tf.ones([4]), zeros, tf.ones([4]), tf.constant([5, 6, 7, 5])
    )
    alone = sample(
        step,
        tf.nest.map_structure(lambda part: part[2:3], state),
        first[2:3],
        END,
        STEPS,
        tf.ones([1]),
        zeros[:1],
        tf.ones([1]),
        tf.constant([7]),
    )
    np.testing.assert_array_equal(together.tokens[2], alone.tokens[0])
    table = tables(4, 4)[2]
    pieces = [FIRST, *texts(alone)[0][0]] + ([END] if int(alone.lengths[0, 0]) < STEPS else [])
    total = sum(table[one, other] for one, other in itertools.pairwise(pieces))
    np.testing.assert_allclose(alone.log_probabilities[0, 0], total, rtol=1e-5)
