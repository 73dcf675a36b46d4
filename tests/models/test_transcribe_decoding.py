"""Searching the likeliest text, and when it was written, against sums over all paths."""

import functools
import itertools
from collections import defaultdict

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.baselines.kneser_ney import KneserNey
from models.layers.ctc import NOTHING
from models.tasks.transcribe.align import times
from models.tasks.transcribe.beam import Automaton, best_path, prefix_beam
from models.tasks.transcribe.language import automaton

Text = tuple[int, ...]
TEXTS = [[1, 2, 1, 1], [2, 1], [1, 2, 2], [2]]


def written(path: Text) -> Text:
    """The text of a path."""
    return tuple(piece for piece, _ in itertools.groupby(path) if piece)


def random_scores(steps: int, classes: int, seed: int) -> np.ndarray:
    scores = np.random.default_rng(seed).normal(0.0, 2.0, (steps, classes))
    return (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))).astype(np.float32)


def padded(rows: list[np.ndarray]) -> tf.Tensor:
    """Rows in a batch, with a certain blank behind their ends."""
    batch = np.full((len(rows), max(map(len, rows)), rows[0].shape[1]), NOTHING, np.float32)
    batch[..., 0] = 0.0
    for place, row in enumerate(rows):
        batch[place, : len(row)] = row
    return tf.constant(batch)


def by_paths(scores: np.ndarray) -> dict[Text, float]:
    """The logarithm of each text's probability, by going through all paths."""
    found: defaultdict[Text, float] = defaultdict(float)
    for path in itertools.product(range(scores.shape[1]), repeat=len(scores)):
        found[written(path)] += np.exp(scores[range(len(scores)), path].astype(float).sum())
    return {text: np.log(probability) for text, probability in found.items()}


def language_of(text: Text, model: dict[str, np.ndarray]) -> float:
    state, total = int(model["start"]), 0.0
    for piece in text:
        total += model["scores"][state, piece]
        state = int(model["following"][state, piece])
    return total + model["ends"][state]


@pytest.fixture(scope="module")
def model() -> dict[str, np.ndarray]:
    return automaton(TEXTS, classes=3, order=3)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_beam_that_keeps_all_prefixes_finds_every_text_with_its_probability(
    weighted: bool, model: dict[str, np.ndarray]
) -> None:
    rows = [random_scores(steps, 3, steps) for steps in (4, 1, 5, 2)]
    given = {"automaton": Automaton(**model), "weight": 0.7, "bonus": 0.3} if weighted else {}
    found = prefix_beam(padded(rows), 64, **given)
    for place, scores in enumerate(rows):
        expected = by_paths(scores)
        ranks = {
            text: value + weighted * (0.7 * language_of(text, model) + 0.3 * len(text))
            for text, value in expected.items()
        }
        best = sorted(expected, key=lambda text: -ranks[text])
        count = int(tf.reduce_sum(tf.cast(found.scores[place] > NOTHING, tf.int32)))
        assert count == min(len(best), 64)
        for n, text in enumerate(best[:20]):
            length = int(found.lengths[place, n])
            assert tuple(found.tokens[place, n, :length].numpy()) == text
            assert not found.tokens[place, n, length:].numpy().any()
            np.testing.assert_allclose(found.scores[place, n], ranks[text], rtol=1e-4)
            np.testing.assert_allclose(found.log_probabilities[place, n], expected[text], rtol=1e-4)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000), width=st.sampled_from([1, 3, 8]))
def test_what_a_beam_finds_is_never_likelier_than_it_is_and_all_differ(
    seed: int, width: int
) -> None:
    scores = random_scores(5, 4, seed)
    expected = by_paths(scores)
    found = prefix_beam(padded([scores, random_scores(9, 4, 1)]), width)
    lengths = found.lengths[0].numpy()
    texts = [tuple(found.tokens[0, place, :n].numpy()) for place, n in enumerate(lengths)]
    assert len(set(texts)) == width
    for text, value in zip(texts, found.log_probabilities[0].numpy(), strict=True):
        assert value <= expected[text] + 1e-4
    assert list(found.scores[0].numpy()) == sorted(found.scores[0].numpy(), reverse=True)


def test_a_row_alone_is_found_as_in_a_longer_batch() -> None:
    rows = [random_scores(steps, 5, steps) for steps in (3, 12)]
    for search in (best_path, lambda scores: prefix_beam(scores, 6)):
        together, alone = search(padded(rows)), search(padded(rows[:1]))
        longest = alone.tokens.shape[-1]
        assert not together.tokens[0, :, longest:].numpy().any()
        np.testing.assert_array_equal(together.tokens[0, :, :longest], alone.tokens[0])
        np.testing.assert_array_equal(together.lengths[0], alone.lengths[0])
        np.testing.assert_allclose(together.scores[0], alone.scores[0], rtol=1e-5)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_best_path(seed: int) -> None:
    rows = [random_scores(steps, 3, seed + steps) for steps in (6, 1, 3)]
    found = best_path(padded(rows))
    for place, scores in enumerate(rows):
        text = written(tuple(scores.argmax(axis=1)))
        assert tuple(found.tokens[place, 0, : len(text)].numpy()) == text
        assert int(found.lengths[place, 0]) == len(text)
        np.testing.assert_allclose(found.scores[place, 0], scores.max(axis=1).sum(), rtol=1e-5)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_times_are_of_the_likeliest_path_of_a_text(seed: int) -> None:
    scores = random_scores(6, 3, seed)
    texts = [(1, 1), (2, 1, 2), (1,), ()]
    tokens = tf.ragged.constant(texts, tf.int32).to_tensor(shape=[None, 4])
    found = times(
        padded([scores] * 4 + [random_scores(9, 3, 1)])[:4], tokens, tf.constant([2, 3, 1, 0])
    )
    for place, text in enumerate(texts):
        paths = [p for p in itertools.product(range(3), repeat=6) if written(p) == text]
        path = max(paths, key=lambda path: scores[range(6), path].sum())
        step, spans = 0, []
        for piece, run in itertools.groupby(path):
            length = len(list(run))
            if piece:
                spans.append((step, step + length, scores[step : step + length, piece].mean()))
            step += length
        for k, (start, end, score) in enumerate(spans):
            assert (int(found.starts[place, k]), int(found.ends[place, k])) == (start, end)
            np.testing.assert_allclose(found.scores[place, k], score, rtol=1e-4)
        for part in found:
            assert not part[place, len(text) :].numpy().any()


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_language_model_is_its_n_gram_and_sums_to_one(order: int) -> None:
    found = automaton(TEXTS, classes=3, order=order)
    sums = np.exp(found["scores"][:, 1:]).sum(axis=1) + np.exp(found["ends"])
    # The rest is what words have that no text has.
    assert (sums <= 1.0).all() and (sums > 0.8).all()
    expected = KneserNey([list(map(str, text)) for text in TEXTS], order)
    for text in [(1, 2, 1), (2, 2, 2, 1), ()]:
        whole = expected.log_probabilities(list(map(str, text))).sum()
        np.testing.assert_allclose(language_of(text, found), whole, rtol=1e-5)


def test_a_large_language_model_leaves_rare_contexts_to_shorter_ones() -> None:
    found = automaton(TEXTS, classes=3, order=3, largest=9)
    assert found["scores"].shape == found["following"].shape == (3, 3)
    assert found["following"].max() < 3
    assert np.isfinite(found["scores"]).all()


@pytest.mark.slow
def test_a_search_compiles(model: dict[str, np.ndarray]) -> None:
    scores = padded([random_scores(9, 3, 1), random_scores(4, 3, 2)])
    fused = functools.partial(prefix_beam, automaton=Automaton(**model), weight=0.5)
    for search in (
        best_path,
        functools.partial(prefix_beam, width=4),
        functools.partial(fused, width=4),
    ):
        compiled = tf.function(search, jit_compile=True)(scores)
        for one, other in zip(compiled, search(scores), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4)
