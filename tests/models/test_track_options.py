"""Track's options and how goals are read: updates cumulate, and what cannot be read says where."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.features.phrases import Options as Phrases
from models.features.scores import Options as Scores
from models.features.series import Options as Series
from models.features.text import Options as Text
from models.options import LabelCount
from models.raw import RawError
from models.tasks.track import Options

FEATURES = {
    "heard": Phrases(kind="phrases", count=3),
    "sure": Scores(kind="scores", count=3),
    "acts": Phrases(kind="phrases"),
    "sound": Series(kind="series", depth=2),
    "note": Text(kind="text"),
}
GIVEN: dict[str, Any] = {
    "kind": "track",
    "label": "wishes",
    "slots": {"food": None, "price_range": {"values": ["cheap"]}},
    "heard": "heard",
    "ignored": ["request", ""],
}


def task(**options: Any) -> Options:
    return Options(**(GIVEN | options))


def wishes(*turns: Any, **options: Any) -> dict[str, Any]:
    return task(**options).read({"wishes": list(turns), "person": options.pop("person", None)})


def test_updates_cumulate_to_the_goal_after_each_turn() -> None:
    turns = [["food=thai", "request=phone"], [], None, "price range=cheap", ["food=a", "food=b"]]
    assert wishes(*turns, ["food=none", "="]) == {
        "goal.food": ["thai", "thai", "thai", "thai", "b", "none"],
        "goal.price_range": ["none", "none", "none", "cheap", "cheap", "cheap"],
    }


def test_a_slot_takes_back_what_it_had_by_none_or_nothing() -> None:
    assert wishes(["food=thai"], ["food="])["goal.food"] == ["thai", "none"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"))), min_size=1))
def test_any_updates_give_what_was_said_last(turns: list[list[tuple[str, str]]]) -> None:
    read = task(slots={"a": None, "b": None}).read(
        {"wishes": [[f"{slot}={value}" for slot, value in turn] for turn in turns]}
    )
    for number in range(len(turns)):
        said = dict(update for turn in turns[: number + 1] for update in turn)
        for slot in "ab":
            assert read[f"goal.{slot}"][number] == said.get(slot, "none")


BAD_ROWS = {
    "unknown slot": ([["food=thai"], ["fod=thai"]], r"turn 2: 'fod=thai' .*slots are food, price"),
    "no value": ([["food"]], "turn 1: 'food' came, where slot=value is read"),
    "no list": ("food=thai", "'wishes': 'food=thai' came, where a list over turns is read"),
    "no turn": ([], "'wishes' has no turn"),
    "number": ([[3]], r"turn 1: \[3\] came"),
    "two lines": ([["food=a\nb"]], "a label is one line"),
}


@pytest.mark.parametrize(("turns", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_row_that_cannot_be_read_says_where_and_why(turns: Any, message: str) -> None:
    with pytest.raises(RawError, match=message):
        task().read({"wishes": turns})
    with pytest.raises(RawError, match="has no field 'wishes'"):
        task().read({})


def test_a_column_a_slot_holds_the_goal_itself() -> None:
    by_column = task(label="goal_{slot}", slots={"food": None, "day": None}, ignored=[])
    row = {"goal_food": ["thai", None, ""], "goal_day": ["none", "monday", 3]}
    assert by_column.read(row) == {
        "goal.food": ["thai", "none", "none"],
        "goal.day": ["none", "monday", "3"],
    }
    assert by_column.columns == {"task.slots.food": "goal_food", "task.slots.day": "goal_day"}
    with pytest.raises(RawError, match="'goal_food' has 1, 'goal_day' has 3"):
        by_column.read(row | {"goal_food": ["thai"]})
    with pytest.raises(RawError, match=r"'goal_day', turn 1: \[\] came"):
        by_column.read(row | {"goal_day": [[]]})


@pytest.mark.parametrize(
    ("value", "flags"),
    [
        (["yes", "No", True], [1, 0, 1]),
        ([0, "1", False], [0, 1, 0]),
        ("yes", [1, 1, 1]),
        (False, [0] * 3),
    ],
)
def test_flags_are_yes_or_no_each_turn_or_once(value: Any, flags: list[float]) -> None:
    flagged = task(hand_over="person")
    read = flagged.read({"wishes": [[], [], []], "person": value})
    assert read["flag.hand_over"] == flags
    assert {*flagged.targets} == {*read}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["yes"], "has 1 turns, and the goal has 2"),
        (["yes", "maybe"], "turn 2: 'maybe'"),
        (None, "None came"),
        (0.5, "0.5 came"),
    ],
)
def test_a_flag_that_is_neither_is_an_error(value: Any, message: str) -> None:
    with pytest.raises(RawError, match=message):
        task(hand_over="person").read({"wishes": [[], []], "person": value})


def test_labels_go_with_the_turns_of_the_features() -> None:
    bound = task(scores="sure").bound(FEATURES)
    assert bound.aligned == ("heard", "sure", "acts", "sound")
    targets = bound.read({"wishes": [[], []]})
    two = {name: [[], []] for name in bound.aligned}
    bound.check_row(targets, two)
    with pytest.raises(RawError, match="differ in their steps: 'heard' has 2, 'sure' has 1"):
        bound.check_row(targets, two | {"sure": [[]]})
    with pytest.raises(RawError, match="'heard' has 3 turns, but column 'wishes' has 2"):
        bound.check_row(targets, {name: [[], [], []] for name in bound.aligned})


UNFIT = {
    "another kind": ({"heard": "note"}, "heard: 'note' is no feature of the kind phrases"),
    "misspelt": ({"heard": "herd"}, "did you mean heard?"),
    "scores": ({"scores": "sound"}, "scores: 'sound' is no feature of the kind scores"),
    "no steps": ({"turns": ["heard", "note"]}, "'note' does not have a step for each turn"),
    "left out": ({"turns": ["acts"]}, "heard: 'heard' has to be one of turns:"),
    "widths": ({"system": ["acts", "heard"]}, "differ in their count:"),
}


@pytest.mark.parametrize(("options", "message"), UNFIT.values(), ids=UNFIT)
def test_features_that_do_not_fit_are_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task(**options).bound(FEATURES)


def test_each_phrase_has_its_score() -> None:
    with pytest.raises(ValueError, match="'heard' has count: 3 and 'sure' count: 2"):
        task(scores="sure").bound(FEATURES | {"sure": Scores(kind="scores", count=2)})


@pytest.mark.parametrize(
    "options",
    [
        {"slots": {}},
        {"slots": {"a b": None}},
        {"slots": {"food_score": None}},
        {"slots": {"a": {"called": "food"}, "food": None}},
        {"slots": {"a": {"called": "?"}}},
        {"ignored": "food"},
        {"none": "dontcare"},
        {"slots": {"food": {"value": ["thai"]}}},
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict) -> None:
    with pytest.raises(ValidationError):
        task(**options)


def counts(**labels: int) -> dict[str, LabelCount]:
    return {name.replace("__", "="): LabelCount(times, "a:1") for name, times in labels.items()}


def test_values_that_nothing_knows_are_warned_of() -> None:
    train = counts(food__none=5, food__thai=3, price_range__none=5, price_range__dear=1)
    test = counts(food__greek=2, food__dontcare=1, price_range__cheap=4)
    errors, warnings = task().label_problems({"train": train, "validate": train, "test": test})
    assert errors == [] and len(warnings) == 1
    assert "slot 'food' has values in the test split" in warnings[0]
    assert "(2 turns): 'greek' (a:1); these turns count as wrong" in warnings[0]


def test_a_slot_without_values_or_a_flag_that_never_changes_stops() -> None:
    train = counts(food__none=5, price_range__dear=1, hand_over__no=5)
    errors, _ = task(hand_over="x").label_problems({"train": train, "validate": {}, "test": {}})
    assert "slot 'food' never has a value in the train split" in errors[0]
    assert errors[1].startswith("hand_over is always no in the train split")


def test_metrics_follow_from_the_options() -> None:
    plain, full = task(), task(scores="sure", hand_over="a", end_of_turn="b")
    assert plain.release_metric in plain.metric_names
    assert "joint_asr_0_20" not in plain.metric_names
    further = {"joint_asr_90_100", "hand_over_f1", "end_of_turn_log_loss"}
    assert further <= {*full.metric_names}
    assert full.higher_is_better["price_range_accuracy"] and not full.higher_is_better["goal_l2"]


def test_options_survive_json_and_keep_what_reading_needs() -> None:
    bound = task(scores="sure", hand_over="x", context_units=0).bound(FEATURES)
    assert Options.model_validate_json(bound.to_json()) == bound
    reading = bound.for_reading()
    assert reading.scores is None and reading.context_units == 8
    assert reading.targets == bound.targets and reading.aligned == bound.aligned


def test_what_looks_ahead_is_said_before_anything_runs() -> None:
    from models.spec import NetworkOptions

    ahead = NetworkOptions(bidirectional=True, layers=2, residual=True)
    assert {*task().network_problems(ahead)} == {"bidirectional", "residual"}
    assert task().network_problems(NetworkOptions(cell="gru", layers=2, dropout=0.2)) == {}


def test_values_that_are_numbers_need_no_quotes() -> None:
    def stated(values: Any) -> dict[str, tuple[str, ...]]:
        return Options(**GIVEN | {"slots": {"seats": {"values": values}}}).slots["seats"].values

    assert stated([2, 3]) == {"2": (), "3": ()}
    assert stated({2: [2.5, "two"]}) == {"2": ("2.5", "two")}
    for values in ([True], {False: []}, {"2": [True]}):
        with pytest.raises(ValidationError, match="put them in quotes"):
            stated(values)
    with pytest.raises(ValidationError, match="valid dictionary"):
        stated([["two"]])
