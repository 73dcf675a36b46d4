"""Sequence features: ids, scaling, cutting, and that no row is left without a step."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from models.features.sequences import raw_tensor, with_a_step
from models.features.series import Options as Series
from models.features.series import graph as series
from models.features.tokens import Options as Tokens
from models.features.tokens import graph as tokens
from models.raw import Raw

WORDS = ["a", "b", "größe"]


@pytest.fixture(scope="module")
def analyzers(plain_analyzers: Callable):
    return plain_analyzers({"words": WORDS})


def ids(options: Tokens, raw: list[list[str]], analyzers) -> list[list[int]]:
    ragged = tf.ragged.constant(raw, tf.string, ragged_rank=1)
    return tokens.preprocess(options, "words", ragged, analyzers)["words"].to_list()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[2, 1, 1], [1], [3]]),
        ({"lower": True}, [[2, 4, 1], [1], [3]]),
        ({"max_length": 2}, [[2, 1], [1], [3]]),
        ({"vocabulary": 1}, [[2, 1, 1], [1], [1]]),
        ({"missing": ["b", "b"]}, [[2, 1, 1], [3, 3], [3]]),
    ],
    ids=str,
)
def test_tokens_become_ids_from_2_and_unknown_ones_1(options, expected, analyzers) -> None:
    raw = [["a", "GRÖßE", "x y"], [], ["b"]]
    assert ids(Tokens(kind="tokens", **options), raw, analyzers) == expected


def waves(options: Series, raw: list[list[list[float]]], analyzers) -> list[list[list[float]]]:
    ragged = tf.ragged.constant(raw, tf.float32, ragged_rank=1, inner_shape=(2,))
    found = series.preprocess(options, "wave", ragged, analyzers)["wave"]
    assert found.shape.as_list() == [len(raw), None, 2]
    return found.to_list()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"scale": "none"}, [[[10.0, 14.0], [6.0, 2.0]], [[0.0, 0.0]]]),
        ({}, [[[0.0, 1.0], [-1.0, -2.0]], [[0.0, 0.0]]]),
        ({"max_length": 1}, [[[-1.0, -2.0]], [[0.0, 0.0]]]),
        ({"missing": [[14.0, 10.0]]}, [[[0.0, 1.0], [-1.0, -2.0]], [[1.0, 0.0]]]),
    ],
    ids=str,
)
def test_series_are_scaled_cut_to_their_end_and_never_empty(options, expected, analyzers) -> None:
    raw = [[[10.0, 14.0], [6.0, 2.0]], []]
    assert waves(Series(kind="series", depth=2, **options), raw, analyzers) == expected


@pytest.mark.parametrize("lengths", [[0], [0, 3, 0, 1], [2, 1], []])
def test_rows_without_steps_get_the_filler_and_the_others_stay(lengths: list[int]) -> None:
    values = np.arange(2.0 * sum(lengths), dtype=np.float32).reshape(-1, 2)
    filler = tf.constant([[7.0, 8.0], [9.0, 9.0]])
    given = tf.RaggedTensor.from_row_lengths(values, tf.constant(lengths, tf.int64))
    found = with_a_step(given, filler)
    assert found.to_list() == [row or filler.numpy().tolist() for row in given.to_list()]


def test_raw_values_become_what_preprocess_reads() -> None:
    wave = raw_tensor(Raw(dtype="float", shape=(None, 2)), [[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]])
    assert wave.shape.as_list() == [2, None, 2] and wave.row_splits.dtype == tf.int64
    assert wave.to_list() == [[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]]
    words = raw_tensor(Raw(dtype="string", shape=(None,)), [["a"], ["b", "c"]])
    assert words.to_list() == [[b"a"], [b"b", b"c"]]
    assert raw_tensor(Raw(dtype="float"), [1.0, 2.0]).numpy().tolist() == [1.0, 2.0]


def test_tokens_are_what_is_looked_up() -> None:
    assert Tokens(kind="tokens").tokens_of(["A", "b"]) == ["A", "b"]
    assert Tokens(kind="tokens", lower=True).tokens_of(["A", "b"]) == ["a", "b"]
