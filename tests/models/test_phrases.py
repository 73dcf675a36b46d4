"""Phrases and scores: words by their hashes, cut and padded to one width, and their bags."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.features.phrases import Options as Phrases
from models.features.phrases.graph import hashes
from models.features.scores import Options as Scores
from models.features.sequences import raw_tensor
from models.features.steps import preprocess
from models.layers.hashed import HashedBag, InPhrases, pair_buckets, shifted
from models.options import FeatureOptions
from models.raw import RawError


def transformed(options: FeatureOptions, rows: list[Any], analyzers: Any = None) -> list[Any]:
    # A client may send no step at all, which a row of the data may not.
    read = [row if row == [] else options.read({"x": row}, "x") for row in rows]
    return preprocess(options, "x", raw_tensor(options.raw, read), analyzers)["x"].to_list()


def test_words_keep_their_identity_without_a_vocabulary() -> None:
    (one, two, three) = hashes(
        ["North  American food", "area=north", "l\N{RIGHT SINGLE QUOTATION MARK}été!"]
    )
    assert one[0] == two[1] and len(one) == 3 and len(two) == 2
    assert three == hashes(["L'ÉTÉ"])[0] and len(three) == 1
    assert hashes(["Thai"], lower=False) != hashes(["thai"], lower=False)
    assert all(1 <= word < 2**31 for word in one + two + three)


def test_phrases_are_cut_and_padded_to_one_width() -> None:
    options = Phrases(kind="phrases", count=2, words=3)
    a, b = hashes(["a b"])[0]
    rows = transformed(options, [[["a b a b", "b", "a"], [], None, ""], ["a"], []])
    assert rows[0] == [[a, b, a, b, 0, 0], *[[0] * 6] * 3]
    assert rows[1] == [[a, 0, 0, 0, 0, 0]] and rows[2] == [[0] * 6]


def test_scores_go_with_phrases() -> None:
    rows = transformed(Scores(kind="scores", count=2), [[[0.5, 0.25, 0.125], None, []], []])
    assert rows == [[[0.5, 0.25], [0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0]]]


def test_missing_rows_are_filled() -> None:
    phrases = Phrases(kind="phrases", count=1, words=1, missing=[["a"]])
    scores = Scores(kind="scores", count=1, missing=[[0.5], [1.0]])
    assert transformed(phrases, [None]) == [[hashes(["a"])[0]]]
    assert transformed(scores, [None]) == [[[0.5], [1.0]]]


@pytest.mark.parametrize(
    ("options", "value", "message"),
    [
        (Phrases(kind="phrases"), "a b", "text came, where a list of lists of strings is read"),
        (Phrases(kind="phrases"), [[["a"]]], r"'x\[0\]\[0\]': a list came, where text is read"),
        (Phrases(kind="phrases"), [3], r"'x\[0\]': 3 came, where a list of strings is read"),
        (Scores(kind="scores"), [0.5], r"'x\[0\]': 0.5 came, where a list of numbers is read"),
        (Scores(kind="scores"), [["high"]], "'high' came, where a finite number is read"),
        (Scores(kind="scores"), None, "is empty"),
    ],
)
def test_other_forms_are_errors_that_say_where(options: Any, value: Any, message: str) -> None:
    with pytest.raises(RawError, match=message):
        options.read({"x": value}, "x")


def test_bags_are_weighed_sums_of_word_and_pair_vectors() -> None:
    random = np.random.default_rng(0)
    words = random.integers(0, 2**31 - 1, (2, 3, 2, 4)).astype(np.int32)
    words[:, :, 1, 2:] = 0
    weights = random.random((2, 3, 2)).astype(np.float32)
    layer = HashedBag(16, 5, pairs=True, first=True)
    assert not np.asarray(layer(words, weights)).any(), "what was never met says nothing"
    layer.set_weights([random.normal(size=weight.shape) for weight in layer.get_weights()])
    single, pairs = layer.get_weights()
    vectors = single[words % 16] + pairs[np.asarray(pair_buckets(words, 16))]
    vectors *= (words > 0)[..., None]
    weighed = (vectors * weights[..., None, None]).sum(axis=(2, 3))
    expected = np.concatenate([weighed, vectors[:, :, 0].sum(axis=2)], axis=-1)
    np.testing.assert_allclose(layer(words, weights), expected, rtol=1e-4, atol=1e-5)
    again = HashedBag.from_config(layer.get_config())
    symbolic = again(keras.Input((None, 2, 4), dtype="int32"), keras.Input((None, 2)))
    assert symbolic.shape == (None, None, 10)


def test_words_are_shifted_within_their_phrase() -> None:
    words = tf.constant([[1, 2, 3], [4, 5, 0]])
    assert shifted(words, 1).numpy().tolist() == [[2, 3, 0], [5, 0, 0]]
    assert shifted(words, -2).numpy().tolist() == [[0, 0, 1], [0, 0, 4]]
    assert shifted(words, 0).numpy().tolist() == words.numpy().tolist()
    assert InPhrases(3)(tf.zeros([2, 1, 6])).shape == (2, 1, 3, 2)
