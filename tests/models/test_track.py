"""Track: values are found by name, beliefs are carried, and the sums are the metrics."""

import math
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tracked import DIALOGS, FEATURES, TASK, VOCABULARIES

from models.asked import Asked
from models.features.phrases.graph import hashes
from models.features.steps import preprocess
from models.network import build, compile_network
from models.spec import NetworkOptions, TrainingOptions
from models.tasks.track import goal_target, graph
from models.tasks.track.layers import Believed, SlotEvidence
from models.tasks.track.network import values_of


@pytest.fixture(scope="module")
def network(plain_learnt: Callable) -> keras.Model:
    given = NetworkOptions(cell="gru", units=5, embedding_size=3, layers=2)
    network = build(FEATURES, TASK, given, plain_learnt(VOCABULARIES))
    random = np.random.default_rng(1)
    network.set_weights([random.normal(0.0, 0.5, w.shape) for w in network.get_weights()])
    return network


@pytest.fixture(scope="module")
def inputs_of(plain_analyzers: Callable) -> Callable:
    from models.export import network_inputs
    from models.features.sequences import raw_tensor

    analyzers = plain_analyzers({"line": VOCABULARIES["line"]})

    def inputs(dialogs: list[dict]) -> dict[str, tf.Tensor]:
        found = {}
        for name, options in FEATURES.items():
            rows = [options.read(dialog, name) for dialog in dialogs]
            found |= preprocess(options, name, raw_tensor(options.raw, rows), analyzers)
        return network_inputs(found)

    return inputs


def test_padding_and_later_turns_never_change_an_answer(network, inputs_of) -> None:
    together = np.asarray(network(inputs_of(DIALOGS)))
    assert together.shape == (2, 3, 5 + 3 + 1)
    np.testing.assert_allclose(together[..., :5].sum(axis=-1), 1.0, rtol=1e-5)
    assert np.ptp(together[0], axis=0).max() > 0.01, "turns would be answered alike anyway"
    for row, dialog in enumerate(DIALOGS):
        for turns in range(1, len(dialog["heard"]) + 1):
            begun = {
                name: value[:turns] if isinstance(value, list) else value
                for name, value in dialog.items()
            }
            alone = np.asarray(network(inputs_of([begun])))[0]
            np.testing.assert_allclose(alone, together[row, :turns], rtol=1e-4, atol=1e-6)


def test_one_turn_answers_as_the_whole_dialog(network, inputs_of) -> None:
    from models.tasks.track.streaming import _Tracker

    tracker = _Tracker.of(TASK, network)
    assert tracker is not None
    whole = np.asarray(network(inputs_of(DIALOGS[:1])))[0]
    state = tracker.first(tf.constant(1))
    for turn in range(3):
        one = {
            name: value[turn : turn + 1] if isinstance(value, list) else value
            for name, value in DIALOGS[0].items()
        }
        scores, state = tracker.step(inputs_of([one]), state)
        np.testing.assert_allclose(scores[0], whole[turn], rtol=0, atol=1e-5)


def evidence(ways: dict[str, int], **options) -> SlotEvidence:
    words = hashes(list(ways)) if ways else []
    given = {"values": 4, "marked": [0], "context_units": 0, "buckets": 16} | options
    return SlotEvidence(hashes(["food"])[0], words, list(ways.values()), **given)


def heard(*phrases: str, words: int = 6) -> np.ndarray:
    found = np.zeros((1, 1, len(phrases), words), np.int32)
    for place, phrase in enumerate(hashes(phrases)):
        found[0, 0, place, : len(phrase)] = phrase
    return found


def test_values_are_named_by_their_longest_way_in_each_phrase() -> None:
    layer = evidence({"seven": 1, "seven thirty": 2, "half past seven": 3})
    weights = np.array([[[0.5, 0.3, 0.2]]], np.float32)
    phrases = heard("seven thirty", "at half past seven", "seven or seven thirty")
    values, slot = layer(phrases, weights)
    weighed, first, share = np.moveaxis(np.asarray(values)[0, 0], -1, 0)[:3]
    np.testing.assert_allclose(weighed, [0.0, 0.2, 0.7, 0.3], rtol=1e-5)
    np.testing.assert_array_equal(first, [0, 0, 1, 0])
    np.testing.assert_allclose(share, [0, 1 / 3, 2 / 3, 1 / 3], rtol=1e-5)
    np.testing.assert_allclose(np.asarray(slot)[0, 0, :2], [0.7, 1.2], rtol=1e-5)


def test_nothing_heard_names_nothing() -> None:
    values, slot = evidence({"seven": 1})(heard("", ""), np.zeros((1, 1, 2), np.float32))
    assert np.isfinite(values).all() and not np.asarray(values)[..., :3].any()
    assert not np.asarray(slot).any()


def test_a_slot_whose_values_have_no_words_is_never_named() -> None:
    layer = evidence({}, context_units=2)
    values, _ = layer(heard("seven"), np.ones((1, 1, 1), np.float32), heard("food"))
    assert values.shape == (1, 1, 4, 7) and not np.asarray(values)[..., :6].any()


def test_what_the_system_asks_offers_and_names() -> None:
    layer = evidence({"thai": 1, "dontcare": 2})
    system = heard("food", "food=thai", "area=dontcare")
    values, slot = layer(heard("thai"), np.ones((1, 1, 1), np.float32), system)
    said, with_slot, both = np.moveaxis(np.asarray(values)[0, 0], -1, 0)[3:6]
    np.testing.assert_array_equal(said, [0, 1, 1, 0])
    np.testing.assert_array_equal(with_slot, [0, 1, 0, 0])
    np.testing.assert_array_equal(both, [0, 1, 0, 0])
    np.testing.assert_array_equal(np.asarray(slot)[0, 0, 2:], [1, 1])


def test_beliefs_are_what_going_turn_by_turn_gives() -> None:
    random = np.random.default_rng(0)
    updates = random.dirichlet([5.0, 0.3, 0.3, 0.3], (3, 40)).astype(np.float32)
    updates[1, ::3] = [0.0, 0.0, 0.0, 1.0]
    layer = Believed(none=1)
    whole = np.asarray(layer(updates))
    believed = np.tile([0.0, 1.0, 0.0], (3, 1))
    for turn in range(40):
        update = updates[:, turn].astype(np.float64)
        believed = np.maximum(update[:, :1], 1e-6) * believed + update[:, 1:]
        np.testing.assert_allclose(whole[:, turn], believed, rtol=0, atol=1e-6)


def test_a_dialog_takes_no_more_room_than_its_turns() -> None:
    turns, values = 200, 3
    layer = tf.function(Believed(none=1))
    graph = layer.get_concrete_function(tf.TensorSpec([1, turns, 1 + values])).graph
    tensors = [tensor for operation in graph.get_operations() for tensor in operation.outputs]
    assert max(tensor.shape.num_elements() or 0 for tensor in tensors) == turns * (1 + values)


def test_labels_stand_side_by_side_and_unknown_ones_cost_nothing(
    plain_analyzers: Callable, plain_learnt: Callable
) -> None:
    analyzers, learnt = plain_analyzers(VOCABULARIES), plain_learnt(VOCABULARIES)
    raw = {
        "goal.food": tf.ragged.constant([["none", "sushi"], ["thai"]], row_splits_dtype=tf.int64),
        "goal.area": tf.ragged.constant([["north", "none"], ["none"]], row_splits_dtype=tf.int64),
        "flag.hand_over": tf.ragged.constant([[0.0, 1.0], [1.0]], row_splits_dtype=tf.int64),
    }
    labels = graph.preprocess(TASK, raw, analyzers)["label"]
    assert labels.to_list() == [[[0, 1, 0], [-2, 0, 1]], [[1, 0, 1]]]
    padded = labels.to_tensor(-1).numpy()
    scores = np.full((2, 2, 9), 0.25, np.float32)
    scores[..., 8] = 0.9
    nats = -np.log([0.25] * 5) @ np.ones(5) - math.log(0.1) - 2 * math.log(0.9)
    loss = graph.loss(TASK, learnt, None)(padded, scores)
    assert float(loss) == pytest.approx(nats / 3, rel=1e-5)
    (metric,) = graph.training_metrics(TASK, learnt)
    metric.update_state(padded, scores)
    assert float(metric.result()) == 0.0
    scores[1, 0, 1] = scores[0, 0, 6] = 0.5
    metric.update_state(padded, scores)
    assert float(metric.result()) == pytest.approx(2 / 6)
    (trivial,) = graph.baseline(TASK, labels.to_list(), learnt).values()
    np.testing.assert_allclose(
        trivial, [2 / 7, 2 / 7, 1 / 7, 1 / 7, 1 / 7, 3 / 6, 2 / 6, 1 / 6, 2 / 3], rtol=1e-5
    )


def test_a_value_that_is_only_stated_has_its_place_among_the_labels(
    plain_analyzers: Callable, plain_learnt: Callable
) -> None:
    names = ["dontcare", "greek", "sushi", "thai"]
    goals = tf.ragged.constant([names[:3], names[3:]], row_splits_dtype=tf.int64)
    yes = tf.ragged.map_flat_values(
        tf.ones_like, tf.ragged.map_flat_values(tf.strings.length, goals)
    )
    raw = {"goal.food": goals, "goal.area": goals, "flag.hand_over": tf.cast(yes, tf.float32)}
    labels = graph.preprocess(TASK, raw, plain_analyzers(VOCABULARIES))["label"]
    food, area, _ = np.moveaxis(labels.flat_values.numpy(), -1, 0)
    assert food.tolist() == [3, 4, -2, 1] and area.tolist() == [2, -2, -2, -2]
    scored = graph.label_names(TASK, plain_learnt(VOCABULARIES))
    assert [scored[place] for place in food if place >= 0] == [
        f"food={name}" for name in names if name != "sushi"
    ]


def test_a_turn_whose_values_are_all_unknown_is_no_padding_and_counts_as_wrong(
    plain_learnt: Callable,
) -> None:
    task = TASK.model_copy(update={"hand_over": None})
    (metric,) = graph.training_metrics(task, plain_learnt(VOCABULARIES))
    labels = np.array([[[1, 0], [-2, -2], [-2, 0], [-1, -1]]])
    scores = np.zeros((1, 4, 8), np.float32)
    scores[..., 1] = scores[..., 5] = 1.0
    metric.update_state(labels, scores)
    assert float(metric.result()) == pytest.approx(1 / 3)
    assert float(graph.loss(task, plain_learnt(VOCABULARIES), None)(labels, scores)) == 0.0


@pytest.mark.slow
def test_transform_knows_the_values_that_are_only_stated(tmp_path: Path) -> None:
    from analysed import analysed

    from components.transform import AppliedTransform, TftLearnt
    from models.features.sequences import raw_tensor

    wishes = [[["food=thai"], [], ["area=north"]], [[]]]
    rows = [dialog | {"wishes": said, "person": "no"}
            for dialog, said in zip(DIALOGS, wishes, strict=True)]  # fmt: skip
    found = analysed(FEATURES, rows, tmp_path, TASK)
    updates = [["food=greek"], ["food=dontcare", "area=south"], ["food=thai", "area=dontcare"]]
    targets = TASK.read({"wishes": updates, "person": "yes"})
    raw = {name: raw_tensor(form, [targets[name]]) for name, form in TASK.targets.items()}
    (labels,) = AppliedTransform(found.output)(raw)["label"].to_list()
    learnt = TftLearnt(found.output)
    foods, areas = (values_of(TASK, slot, learnt) for slot in TASK.slots)
    assert foods[2:] == ["dontcare", "greek"] and areas[2:] == ["dontcare"]
    assert labels == [
        [3, areas.index("none"), 1],
        [2, -2, 1],
        [foods.index("thai"), 2, 1],
    ]


def test_served_and_judged_by_name(inputs_of, plain_learnt: Callable) -> None:
    names = graph.label_names(TASK, plain_learnt(VOCABULARIES))
    assert names[:6] == [
        *("food=none", "food=thai", "food=north american", "food=dontcare", "food=greek"),
        "area=none",
    ]
    scores = np.zeros((2, 3, 9), np.float32)
    scores[:, :, 1], scores[:, :, 2], scores[:, :, 6], scores[..., 8] = 0.75, 0.25, 1.0, 0.8
    asked = Asked(inputs_of(DIALOGS), {})
    outputs = graph.judged_outputs(TASK, tf.constant(scores), names, asked)
    found = {name: output.numpy() for name, output in outputs.items()}
    assert found["goal_food"].tolist() == [[b"thai"] * 3, [b"thai", b"", b""]]
    assert found["goal_food_score"].tolist() == [[0.75] * 3, [0.75, 0.0, 0.0]]
    assert found["goal_area_values"].tolist() == [[b"none", b"north", b"dontcare"]] * 2
    assert found["hand_over"][1].tolist() == pytest.approx([0.8, 0.0, 0.0])
    np.testing.assert_allclose(found["confidence"], [[0.7, 0.0, 0.6], [0.9, 0.0, 0.0]])
    row = {name: value[:1] for name, value in found.items()}
    targets = {
        "goal.food": np.array([[b"thai", b"sushi", b"thai"]], object),
        "goal.area": np.array([[b"north", b"north", b"none"]], object),
        "flag.hand_over": np.array([[0.0, 0.0, 1.0]]),
    }
    sums = graph.example_statistics(TASK, targets, row)
    metrics = {name: float(value) for name, value in graph.summarise(TASK, sums[0]).items()}
    assert tuple(metrics) == TASK.metric_names
    assert metrics["joint_goal"] == pytest.approx(1 / 3)
    assert (metrics["food_accuracy"], metrics["area_accuracy"]) == pytest.approx((2 / 3, 2 / 3))
    by_turn = [metrics[f"joint_turn_{band}"] for band in (1, 2, 3)]
    assert by_turn == [1.0, 0.0, 0.0] and math.isnan(metrics["joint_turn_7_on"])
    assert metrics["joint_asr_50_90"] == pytest.approx(1 / 2)
    assert metrics["joint_asr_0_20"] == 0.0
    distance = 2 * (0.25**2 * 2) + (0.75**2 + 0.25**2 + 1) + 2.0
    assert metrics["goal_l2"] == pytest.approx(distance / 3 / 2)
    assert metrics["hand_over_accuracy"] == pytest.approx(1 / 3)
    assert metrics["hand_over_f1"] == pytest.approx(0.5)


def test_statistics_of_dialogs_add_up(inputs_of, plain_learnt: Callable) -> None:
    names = graph.label_names(TASK, plain_learnt(VOCABULARIES))
    random = np.random.default_rng(3)
    scores = random.dirichlet(np.ones(9), (2, 1)).astype(np.float32)
    sure = inputs_of(DIALOGS)["sure"][:, :1]
    asked = Asked({"sure": sure, "heard_length": tf.constant([1, 1])}, {})
    outputs = graph.judged_outputs(TASK, tf.constant(scores), names, asked)
    found = {name: output.numpy() for name, output in outputs.items()}
    targets = {goal_target(slot): np.array([["thai"], ["none"]], object) for slot in TASK.slots}
    targets["flag.hand_over"] = np.array([[1.0], [0.0]])
    together = graph.example_statistics(TASK, targets, found)
    for row in range(2):
        alone = graph.example_statistics(
            TASK,
            {name: value[row : row + 1] for name, value in targets.items()},
            {name: value[row : row + 1] for name, value in found.items()},
        )
        np.testing.assert_allclose(alone[0], together[row])
    assert together.shape == (2, len(graph.statistics(TASK)))


@pytest.mark.slow
def test_it_learns_to_keep_what_was_named(inputs_of, plain_learnt: Callable) -> None:
    keras.utils.set_random_seed(0)
    learnt = plain_learnt(VOCABULARIES)
    given = NetworkOptions(cell="gru", units=8, embedding_size=4)
    network = build(FEATURES, TASK, given, learnt)
    compile_network(network, TASK, TrainingOptions(learning_rate=0.03), learnt)
    labels = np.array([[[1, 0, 0], [1, 0, 0], [1, 1, 1]], [[4, 0, 0], [-1] * 3, [-1] * 3]])
    inputs = inputs_of(DIALOGS)
    network.fit(inputs, labels, epochs=25, verbose=0, batch_size=2)
    assert network.evaluate(inputs, labels, verbose=0, return_dict=True)["joint_goal"] == 1.0
