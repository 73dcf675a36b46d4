"""Tag: every step is answered, padding never counts, and the sums are the metrics."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.asked import Asked
from models.features.numeric import Options as Numeric
from models.features.text import Options as Text
from models.features.tokens import Options as Tokens
from models.layers.sequence import BesideSteps
from models.network import build, compile_network
from models.options import LabelCount
from models.spec import NetworkOptions, TrainingOptions
from models.tasks.tag import Options, graph

LABELS = ["O", "B-größe", "I"]
TASK = Options(kind="tag", label="tags", aligned_with="words")
FEATURES = {
    "words": Tokens(kind="tokens"),
    "title": Text(kind="text"),
    "price": Numeric(kind="numeric"),
}
VOCABULARIES = {"words": list("abcdefgh"), "title": list("xy"), "label": LABELS}


def rows(lengths: list[int], time: int | None = None) -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    inside = np.arange(time or max(lengths))[None, :] < np.asarray(lengths)[:, None]
    return {
        "words": (random.integers(1, 10, inside.shape) * inside).astype(np.int32),
        "words_length": np.asarray(lengths, np.int32),
        "title": random.integers(1, 4, (len(lengths), 2)).astype(np.int32),
        "title_length": np.full(len(lengths), 2, np.int32),
        "price": random.normal(size=len(lengths)).astype(np.float32),
    }


def shaken(network: keras.Model) -> keras.Model:
    random = np.random.default_rng(1)
    network.set_weights([random.normal(0.0, 0.6, w.shape) for w in network.get_weights()])
    return network


def network_of(names: list[str], plain_learnt: Callable, **options: object) -> keras.Model:
    given = NetworkOptions(**{"units": 4, "embedding_size": 3} | options)
    features = {name: FEATURES[name] for name in names}
    return shaken(build(features, TASK, given, plain_learnt(VOCABULARIES)))


NETWORKS = {
    "lstm": {"bidirectional": True, "layers": 2, "shortcut": True, "pooling": ("mean",)},
    "gru": {"cell": "gru"},
    "none": {"cell": "none", "pooling": ("mean",)},
}


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_padding_never_changes_an_answer(options: dict, plain_learnt: Callable) -> None:
    network = network_of(list(FEATURES), plain_learnt, **options)
    lengths = [1, 5, 3]
    batch = rows(lengths)
    expected = np.asarray(network(batch))
    assert expected.shape == (3, 5, 3)
    np.testing.assert_allclose(expected.sum(axis=-1), 1.0, rtol=1e-5)
    assert np.ptp(expected[1], axis=0).max() > 0.01, "the steps would be answered alike anyway"
    wider = batch | {"words": np.pad(batch["words"], [(0, 0), (0, 4)], constant_values=5)}
    for row, length in enumerate(lengths):
        alone = {name: values[row : row + 1] for name, values in batch.items()}
        alone["words"] = alone["words"][:, :length]
        for answer in (np.asarray(network(alone))[0], np.asarray(network(wider))[row]):
            np.testing.assert_allclose(answer[:length], expected[row, :length], rtol=1e-5)


def test_both_directions_meet_at_their_step_as_in_keras(plain_learnt: Callable) -> None:
    network = network_of(["words"], plain_learnt, bidirectional=True)
    reference = keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True))
    batch = rows([6, 6])
    embedded = network.get_layer("words.embedding")(batch["words"])
    reference(embedded)
    reference.set_weights(
        [
            weight
            for direction in ("forward", "backward")
            for weight in network.get_layer(f"words.{direction}.0").get_weights()
        ]
    )
    expected = network.get_layer("tag.scores")(reference(embedded))
    given = {name: batch[name] for name in ("words", "words_length")}
    np.testing.assert_allclose(np.asarray(network(given)), expected, rtol=1e-5)


def test_other_features_stand_beside_each_step() -> None:
    values = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    vector = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    expected = np.concatenate([values, np.repeat(vector[:, None], 4, axis=1)], axis=-1)
    layer = BesideSteps()
    np.testing.assert_array_equal(layer(values, vector), expected)
    symbolic = layer(keras.Input((None, 3)), keras.Input((2,)))
    assert symbolic.shape == (None, None, 5)


def test_loss_and_accuracy_are_over_the_steps_that_have_a_label() -> None:
    random = np.random.default_rng(2)
    scores = random.dirichlet(np.ones(3), (3, 4)).astype(np.float32)
    labels = np.array([[0, 1, -1, -1], [2, -1, 1, 0], [1, -1, -1, -1]])
    known = labels >= 0
    picked = np.take_along_axis(scores, labels.clip(0)[:, :, None], axis=2)[:, :, 0]
    expected = -np.log(picked[known]).mean()
    assert float(graph.loss(TASK, None, None)(labels, scores)) == pytest.approx(expected, rel=1e-5)
    (metric,) = graph.training_metrics(TASK, None)
    for part in (slice(0, 1), slice(1, 3)):
        metric.update_state(labels[part], scores[part])
    share = (scores.argmax(axis=-1) == labels)[known].mean()
    assert float(metric.result()) == pytest.approx(share)
    assert (metric.name,) == Options.training_metrics


def test_a_network_learns_from_padded_labels(plain_learnt: Callable) -> None:
    network = network_of(["words"], plain_learnt)
    compile_network(network, TASK, TrainingOptions(learning_rate=0.05), None)
    batch = {name: values for name, values in rows([5, 2, 4]).items() if name.startswith("words")}
    labels = np.where(batch["words"] > 0, batch["words"] % 3, -1)
    losses = [network.train_on_batch(batch, labels)[0] for _ in range(40)]
    assert losses[-1] < 0.2 * losses[0]
    assert all(np.isfinite(weight).all() for weight in network.get_weights())


def served(scores: np.ndarray, lengths: list[int], judged: bool = False) -> dict[str, np.ndarray]:
    outputs = graph.judged_outputs if judged else graph.served_outputs
    asked = Asked({"words_length": tf.constant(lengths)}, {})
    answer = outputs(TASK, tf.constant(scores, tf.float32), LABELS, asked)
    return {name: value.numpy() for name, value in answer.items()}


def test_clients_get_labels_and_scores_to_the_length_of_each_row() -> None:
    scores = np.array([[[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]], [[0.1, 0.1, 0.8], [0.3, 0.4, 0.3]]])
    answer = served(scores, [2, 1])
    assert list(answer) == ["labels", "scores", "length"]
    assert answer["labels"].tolist() == [["B-größe".encode(), b"O"], [b"I", b""]]
    np.testing.assert_allclose(answer["scores"], [[0.5, 0.6], [0.8, 0.0]])
    assert answer["length"].tolist() == [2, 1]


def test_sums_equal_what_is_computed_directly_and_padding_adds_nothing() -> None:
    random = np.random.default_rng(5)
    scores = random.dirichlet(np.ones(3), (1, 6))
    truth = random.choice([*LABELS, "new"], (1, 4)).astype(object)
    row = graph.example_statistics(TASK, {"tags": truth}, served(scores, [4], judged=True))
    known = [LABELS.index(name) if name in LABELS else None for name in truth[0]]
    correct = sum(best == name for best, name in zip(scores[0].argmax(-1), known, strict=False))
    picked = [1e-7 if name is None else scores[0, step, name] for step, name in enumerate(known)]
    np.testing.assert_allclose(row, [[4, correct, -np.log(picked).sum()]], rtol=1e-5)
    alone = served(scores[:, :4], [4], judged=True)
    np.testing.assert_array_equal(graph.example_statistics(TASK, {"tags": truth}, alone), row)
    with pytest.raises(ValueError, match=r"\[3\] steps .* 4 labels"):
        graph.example_statistics(TASK, {"tags": truth}, served(scores, [3], judged=True))


def test_what_is_watched_has_a_direction() -> None:
    assert TASK.direction("loss") == "min"
    assert [TASK.direction(name) for name in Options.training_metrics] == ["max"]


def test_metrics_are_shares_of_all_steps() -> None:
    metrics = graph.summarise(TASK, np.array([[8.0, 6.0, 4.0], [0.0, 0.0, 0.0]]))
    assert tuple(metrics) == Options.metric_names == tuple(Options.higher_is_better)
    assert metrics["token_accuracy"][0] == 0.75 and metrics["log_loss"][0] == 0.5
    assert np.isnan(metrics["token_accuracy"][1])


def test_the_baseline_answers_each_step_with_the_frequencies(plain_learnt: Callable) -> None:
    labels = iter([np.array([0, 0, 1]), np.array([0, -1])])
    shares = graph.baseline(TASK, labels, plain_learnt(VOCABULARIES))
    np.testing.assert_allclose(shares["label"], [4 / 7, 2 / 7, 1 / 7])
    scores = graph.baseline_scores(TASK, shares, Asked({"words": tf.zeros([2, 5], tf.int32)}, {}))
    assert scores.shape == (2, 5, 3)
    np.testing.assert_array_equal(scores.numpy()[1, 4], shares["label"])


def test_raw_labels_become_their_rank(plain_analyzers: Callable) -> None:
    raw = tf.ragged.constant([["I", "O"], ["new"]])
    found = graph.preprocess(TASK, {"tags": raw}, plain_analyzers({"label": LABELS}))
    assert found["label"].to_list() == [[2, 0], [-1]]


def test_the_aligned_feature_is_found_or_asked_for() -> None:
    free = Options(kind="tag", label="tags")
    assert free.bound({"words": FEATURES["words"], "price": FEATURES["price"]}) == TASK
    assert TASK.bound(FEATURES | {"more": FEATURES["words"]}) == TASK
    for features, message in (
        ({"price": FEATURES["price"]}, "are: none .*add one"),
        ({"a": FEATURES["words"], "b": FEATURES["words"]}, "are: a, b .*aligned_with"),
        ({"words": Tokens(kind="tokens", max_length=5)}, "'words' does not keep each step"),
    ):
        with pytest.raises(ValueError, match=message):
            free.bound(features)
    with pytest.raises(ValueError, match="'words' is no sequence feature; those are: other"):
        TASK.bound({"other": FEATURES["words"], "words": FEATURES["price"]})


def counted(**splits: dict[str, int]) -> dict[str, dict[str, LabelCount]]:
    return {
        split: {label: LabelCount(times, f"{split}:1") for label, times in labels.items()}
        for split, labels in splits.items()
    }


def test_labels_that_cannot_be_learnt_or_judged_stop_and_unseen_ones_warn() -> None:
    even = {"O": 5, "I": 1}
    assert TASK.label_problems(counted(train=even, validate=even, test=even)) == ([], [])
    errors, _ = TASK.label_problems(counted(train={"O": 5}, validate=even, test={"I": 3}))
    assert len(errors) == 2
    assert "needs at least two labels; found 'O'" in errors[0]
    assert "every step of the test split has the label 'I'" in errors[1]
    unseen = even | {f"X{number}": 2 for number in range(7)}
    errors, warnings = TASK.label_problems(counted(train=even, validate=even, test=unseen))
    assert not errors
    (warning,) = warnings
    assert "(14 times): 'X0' (test:1)" in warning and "and 2 more; " in warning
