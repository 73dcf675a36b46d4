"""Batches: every row once an epoch, padded to the longest of its batch, of similar length."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from components.train.batches import bucketed, elements, inputs_and_label, row_lengths

Batches = list[tuple[dict[str, np.ndarray], np.ndarray]]


class Rows(NamedTuple):
    """Row ``n`` holds the id ``n + 1`` only, as often as it is long, and ``n`` as its number."""

    lengths: list[int]
    dataset: tf.data.Dataset


def parsed(features: dict[str, tf.Tensor | tf.RaggedTensor], batch: int) -> tf.data.Dataset:
    """Batches of features, as TFXIO gives them."""
    return tf.data.Dataset.from_tensor_slices(features).batch(batch)


def rows(lengths: list[int], second: list[int] | None = None, batch: int = 7) -> Rows:
    features: dict[str, tf.Tensor | tf.RaggedTensor] = {
        "number": tf.range(len(lengths), dtype=tf.float32),
        "label": tf.range(len(lengths), dtype=tf.int64) % 3,
    }
    for name, given in {"text": lengths, "title": second}.items():
        if given is not None:
            ids = np.repeat(np.arange(1, len(given) + 1), given)
            features[name] = tf.RaggedTensor.from_row_lengths(tf.constant(ids, tf.int64), given)
    return Rows(lengths, elements(parsed(features, batch), inputs_and_label("label")))


def random_lengths(count: int, most: int = 60, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(1, most, count).tolist()


def read(
    given: Rows, batch_size: int = 8, buckets: int = 4, shuffle_seed: int | None = 0
) -> Callable[[], Batches]:
    """What an epoch gives, each time it is called."""
    lengths = row_lengths(given.dataset)
    dataset = bucketed(given.dataset, lengths, batch_size, buckets, shuffle_seed)
    return lambda: list(dataset.as_numpy_iterator())


def numbers(batches: Batches) -> list[int]:
    return [int(number) for inputs, _ in batches for number in inputs["number"]]


def padding(batches: Batches) -> int:
    return sum(int((inputs["text"] == 0).sum()) for inputs, _ in batches)


@pytest.mark.parametrize("buckets", [1, 2, 5, 64])
@pytest.mark.parametrize("shuffle_seed", [None, 3])
def test_an_epoch_has_each_row_once_whole_and_right_padded(
    buckets: int, shuffle_seed: int | None
) -> None:
    given = rows(random_lengths(103))
    epoch = read(given, 8, buckets, shuffle_seed)()
    assert sorted(numbers(epoch)) == list(range(103))
    for inputs, label in epoch:
        assert set(inputs) == {"text", "text_length", "number"}
        assert inputs["text"].shape == (len(label), inputs["text_length"].max())
        for number, ids, length, truth in zip(
            inputs["number"].astype(int), inputs["text"], inputs["text_length"], label, strict=True
        ):
            assert length == given.lengths[number]
            assert truth == number % 3
            assert (ids[:length] == number + 1).all()
            assert (ids[length:] == 0).all()


def test_types_are_those_that_the_network_takes() -> None:
    inputs, label = read(rows([2, 3]))()[0]
    assert {name: str(values.dtype) for name, values in inputs.items()} == {
        "text": "int32",
        "text_length": "int32",
        "number": "float32",
    }
    assert label.dtype == np.int64


@pytest.mark.parametrize("batch_size", [1, 8, 1000])
@pytest.mark.parametrize("buckets", [1, 4])
def test_batches_hold_batch_size_rows_but_for_one_a_bucket(batch_size: int, buckets: int) -> None:
    sizes = [len(label) for _, label in read(rows(random_lengths(90)), batch_size, buckets)()]
    assert max(sizes) <= batch_size
    assert sum(size < batch_size for size in sizes) <= buckets


def test_batches_are_of_similar_length() -> None:
    given = rows(random_lengths(400, most=100))
    buckets = 8
    together = read(given, 10, buckets)()
    bounds = np.quantile(given.lengths, np.linspace(0, 1, buckets + 1))
    widest = np.diff(bounds).max() + 1
    assert all(np.ptp(inputs["text_length"]) <= widest for inputs, _ in together)
    assert padding(together) < padding(read(given, 10, 1)()) / 3


def test_one_bucket_keeps_the_rows_in_their_order_if_nothing_shuffles() -> None:
    assert numbers(read(rows(random_lengths(50)), 8, 1, None)()) == list(range(50))


def test_several_buckets_keep_the_order_within_each_if_nothing_shuffles() -> None:
    given = rows([1, 50] * 30)
    read_epoch = read(given, 8, 2, None)
    order = numbers(read_epoch())
    for start in (0, 1):
        of_one_length = [number for number in order if number % 2 == start]
        assert of_one_length == sorted(of_one_length)
    assert numbers(read_epoch()) == order


@pytest.mark.parametrize("buckets", [1, 4])
def test_epochs_are_shuffled_anew_and_lose_nothing(buckets: int) -> None:
    epoch = read(rows(random_lengths(80)), 8, buckets, 0)
    orders = [numbers(epoch()) for _ in range(3)]
    assert all(sorted(order) == list(range(80)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert orders[0] != list(range(80))


def test_a_seed_gives_the_same_epochs_again() -> None:
    def orders(seed: int) -> list[list[int]]:
        epoch = read(rows(random_lengths(80)), 8, 4, seed)
        return [numbers(epoch()) for _ in range(2)]

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)


@pytest.mark.parametrize("lengths", [[5] * 20, [1] * 20, [1] * 19 + [40], [1] + [40] * 19])
@pytest.mark.parametrize("buckets", [1, 8])
def test_lengths_that_hardly_vary_are_batched_too(lengths: list[int], buckets: int) -> None:
    epoch = read(rows(lengths), 6, buckets)()
    assert sorted(numbers(epoch)) == list(range(20))
    assert all(len(label) <= 6 for _, label in epoch)


def test_a_single_row_is_an_epoch() -> None:
    ((inputs, label),) = read(rows([4]), 8, 8)()
    assert inputs["text"].tolist() == [[1, 1, 1, 1]]
    assert label.tolist() == [0]


@pytest.mark.parametrize("buckets", [1, 4])
def test_rows_without_any_sequence_are_batched(buckets: int) -> None:
    features = {"number": tf.range(21, dtype=tf.float32), "label": tf.zeros(21, tf.int64)}
    dataset = elements(parsed(features, 5), inputs_and_label("label"))
    given = Rows([0] * 21, dataset)
    np.testing.assert_array_equal(row_lengths(dataset), np.zeros(21))
    epoch = read(given, 8, buckets, 0)()
    assert sorted(numbers(epoch)) == list(range(21))
    assert sorted(len(label) for _, label in epoch) == [5, 8, 8]
    assert {name for inputs, _ in epoch for name in inputs} == {"number"}


def test_two_sequences_are_padded_each_by_itself_and_grouped_by_their_sum() -> None:
    first, second = random_lengths(60, seed=1), random_lengths(60, seed=2)
    given = rows(first, second)
    np.testing.assert_array_equal(row_lengths(given.dataset), np.add(first, second))
    for buckets in (1, 4):
        epoch = read(given, 8, buckets)()
        assert sorted(numbers(epoch)) == list(range(60))
        for inputs, _ in epoch:
            assert inputs["text"].shape[1] == inputs["text_length"].max()
            assert inputs["title"].shape[1] == inputs["title_length"].max()
            numbered = inputs["number"].astype(int)
            np.testing.assert_array_equal(inputs["text_length"], np.take(first, numbered))
            np.testing.assert_array_equal(inputs["title_length"], np.take(second, numbered))


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_lengths_are_those_of_the_rows_however_they_were_parsed(batch: int) -> None:
    lengths = random_lengths(30)
    found = row_lengths(rows(lengths, batch=batch).dataset)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, lengths)


def test_no_row_has_no_length() -> None:
    assert row_lengths(rows([2, 3]).dataset.take(0)).shape == (0,)


def test_features_are_split_to_inputs_and_label() -> None:
    ragged = tf.ragged.constant([[3, 4], [5]], tf.int64)
    label = tf.constant([1, 0], tf.int64)
    features = {"kind": label, "text": ragged, "price": tf.constant([0.5, 1.5])}
    inputs, truth = inputs_and_label("kind")(features)
    assert set(inputs) == {"text", "text_length", "price"}
    assert inputs["text"].to_list() == [[3, 4], [5]]
    assert inputs["text"].dtype == inputs["text_length"].dtype == tf.int32
    assert inputs["text_length"].numpy().tolist() == [2, 1]
    assert inputs["price"].dtype == tf.float32
    assert truth is label


def test_rows_are_parsed_once_and_then_kept() -> None:
    parses: list[int] = []

    def count(value: np.ndarray) -> np.ndarray:
        parses.append(1)
        return value

    source = tf.data.Dataset.from_tensor_slices(
        {"number": tf.range(3, dtype=tf.float32), "label": tf.zeros(3, tf.int64)}
    ).batch(3)

    def to_inputs(features: dict[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        number = tf.ensure_shape(tf.numpy_function(count, [features["number"]], tf.float32), [None])
        return {"number": number}, features["label"]

    given = elements(source, to_inputs)
    for _ in range(3):
        assert [inputs["number"] for inputs, _ in given.as_numpy_iterator()] == [0.0, 1.0, 2.0]
    assert len(parses) == 1


@pytest.mark.parametrize("buckets", [1, 3])
def test_labels_of_steps_and_vectors_are_padded_beside_their_lengths(buckets: int) -> None:
    lengths = random_lengths(30, most=9)
    numbers = np.repeat(np.arange(30), lengths)
    features = {
        "wave": tf.RaggedTensor.from_row_lengths(
            np.stack([numbers, -numbers], axis=1).astype(np.float32), lengths
        ),
        "label": tf.RaggedTensor.from_row_lengths(numbers.astype(np.int64), lengths),
    }
    given = Rows(lengths, elements(parsed(features, 7), inputs_and_label("label")))
    assert row_lengths(given.dataset).tolist() == lengths
    seen = []
    for inputs, labels in read(given, 8, buckets)():
        steps = np.arange(labels.shape[1])[None, :] < inputs["wave_length"][:, None]
        assert (labels[~steps] == -1).all() and (inputs["wave"][~steps] == 0.0).all()
        np.testing.assert_array_equal(inputs["wave"][steps][:, 0], labels[steps])
        np.testing.assert_array_equal(inputs["wave"][steps][:, 1], -labels[steps])
        assert inputs["wave"].shape == (*labels.shape, 2)
        seen += labels[:, 0].tolist()
    assert sorted(seen) == list(range(30))


def test_rows_without_a_sequence_have_no_steps() -> None:
    features = {"number": tf.zeros([5]), "label": tf.zeros([5], tf.int64)}
    dataset = elements(parsed(features, 2), inputs_and_label("label"))
    assert row_lengths(dataset).tolist() == [0] * 5


def test_sequences_of_sequences_are_padded_to_the_batch_and_not_to_the_split() -> None:
    turns = tf.ragged.constant([[[1, 2], [3]], [[4]], [[5], [], [6, 7, 8]]], tf.int64)
    parsed = tf.data.Dataset.from_tensors({"x": turns, "label": tf.constant([0, 1, 2], tf.int64)})
    rows = elements(parsed, inputs_and_label("label"))
    lengths = row_lengths(rows)
    assert lengths.tolist() == [2, 1, 3]
    (first, _), (second, _) = bucketed(rows, lengths, 2, 1, None)
    assert first["x"].numpy().tolist() == [[[1, 2], [3, 0]], [[4, 0], [0, 0]]]
    assert first["x_length"].numpy().tolist() == [2, 1]
    assert first["x_length_2"].numpy().tolist() == [[2, 1], [1, 0]]
    assert second["x"].numpy().tolist() == [[[5, 0, 0], [0, 0, 0], [6, 7, 8]]]
    assert second["x_length_2"].numpy().tolist() == [[1, 0, 3]]
