"""Simulated calls: what the labels promise, what the splits keep apart, what can be learnt."""

from collections import Counter
from functools import cache
from typing import Any

import pytest

from pipeline.corpora.dice import Dice
from pipeline.corpora.reservations import rows
from pipeline.corpora.reservations.channel import AUDIO, BEST, heard
from pipeline.corpora.reservations.grammar import (
    Meaning,
    SystemAct,
    first_goal,
    spoken,
    understood,
    updated,
)
from pipeline.corpora.reservations.phrases import TEST, TRAIN
from pipeline.corpora.reservations.trackers import keywords, oracle, scores
from pipeline.corpora.reservations.vocabulary import (
    ANY,
    NONE,
    SERVICES,
    SLOTS,
    SPOKEN,
    TEST_NAMES,
    TRAIN_NAMES,
)

PER_TURN = (
    *("system_act", "system_slot", "system_value", "asr", "asr_confidence", "audio", "transcript"),
    *(f"goal_{slot}" for slot in SLOTS),
    *("end_of_turn", "hand_over"),
)
PER_CALL = (
    *("call", "split", "menu", "hour", "weekday", "line", "calls_before"),
    *(f"final_{slot}" for slot in SLOTS),
)


@cache
def calls() -> list[dict[str, Any]]:
    return list(rows(300, 0))


def of_split(split: str) -> list[dict[str, Any]]:
    return [row for row in calls() if row["split"] == split]


def test_every_field_is_as_long_as_the_call() -> None:
    for row in calls():
        assert set(row) == {*PER_TURN, *PER_CALL}
        turns = len(row["transcript"])
        assert turns >= 1 and all(len(row[field]) == turns for field in PER_TURN)
        for hypotheses, confidences in zip(row["asr"], row["asr_confidence"], strict=True):
            assert 1 <= len(hypotheses) == len(set(hypotheses)) == len(confidences) <= BEST
            assert confidences == sorted(confidences, reverse=True)
            assert all(0.0 <= share <= 1.0 for share in confidences) and sum(confidences) < 1.001
        assert all(len(values) == len(AUDIO) for values in row["audio"])
        for slot in SLOTS:
            allowed = {*SPOKEN.get(slot, SERVICES), NONE, ANY}
            assert set(row[f"goal_{slot}"]) <= allowed
            assert row[f"final_{slot}"] == row[f"goal_{slot}"][-1]
        assert row["system_act"][0] == "welcome"
        assert row["end_of_turn"][-1] == "yes" and "yes" not in row["hand_over"][:-1]


def test_calls_are_told_apart_and_begin_alike() -> None:
    assert len({row["call"] for row in calls()}) == len(calls())
    assert Counter(row["split"] for row in calls()) == {"train": 210, "validate": 30, "test": 60}
    assert list(rows(12, 0)) == calls()[:12] != list(rows(12, 1))


def test_the_test_split_has_phrases_and_names_of_its_own() -> None:
    assert not set(TRAIN_NAMES) & set(TEST_NAMES) and set(TRAIN) == set(TEST)
    phrases = [{phrase for kind in half.values() for phrase in kind} for half in (TRAIN, TEST)]
    assert not phrases[0] & phrases[1]
    for split, strangers in (
        ("train", TEST_NAMES),
        ("validate", TEST_NAMES),
        ("test", TRAIN_NAMES),
    ):
        for row in of_split(split):
            words = {word for said in row["transcript"] for word in said.split()}
            words |= {word for best in row["asr"] for said in best for word in said.split()}
            words |= {value for value in row["system_value"] if value.isalpha()}
            assert not words & set(strangers), row["call"]
            assert not set(row["goal_name"]) & set(strangers)


def test_words_alone_say_of_which_half_a_phrase_is() -> None:
    said = {
        split: {text for row in of_split(split) for text in row["transcript"]}
        for split in ("train", "test")
    }
    assert len(said["train"] & said["test"]) == 0


def test_every_phrase_is_read_back() -> None:
    for half in (TRAIN, TEST):
        for kind, phrases in half.items():
            for phrase in phrases:
                slot = kind.rpartition(" ")[2] if kind.startswith("only ") else ""
                values = {
                    place: value
                    for name, value in (("day", "friday"), ("time", "19:30"), ("party", "4"))
                    for place in (name, f"mention_{name}")
                } | {"name": "baker", "not_day": "monday", "not_time": "18:00", "not_party": "2"}
                said = spoken(kind, phrase, values, Dice(phrase))
                words = f"um {said.words} uh"
                assert understood(words, SystemAct("request", slot)) == said.meanings, phrase
    assert understood("the cat sat", SystemAct("welcome")) is None


@pytest.mark.parametrize(
    ("meanings", "system", "before", "after"),
    [
        ([Meaning("want", "day", "friday")], SystemAct("welcome"), NONE, "friday"),
        ([Meaning("drop", "day", "friday")], SystemAct("welcome"), "friday", NONE),
        ([Meaning("drop", "day", "friday")], SystemAct("welcome"), "monday", "monday"),
        ([Meaning("mention", "day", "friday")], SystemAct("welcome"), NONE, NONE),
        ([Meaning("yes")], SystemAct("offer", "day", "friday"), "monday", "friday"),
        ([Meaning("no")], SystemAct("offer", "day", "friday"), "monday", "monday"),
        ([Meaning("no")], SystemAct("confirm", "day", "friday"), "friday", NONE),
        ([Meaning("yes")], SystemAct("request", "day"), "monday", "monday"),
    ],
)
def test_the_goal_follows_what_is_meant(
    meanings: list[Meaning], system: SystemAct, before: str, after: str
) -> None:
    goal = {**first_goal(), "day": before}
    assert updated(goal, meanings, system)["day"] == after
    assert goal["day"] == before


def test_the_oracle_knows_and_the_keywords_guess() -> None:
    found = scores(calls())
    assert found["oracle"].joint > 0.995
    assert 0.35 < found["keywords"].joint < 0.65
    for slot in SLOTS:
        assert found["keywords"].slots[slot] < found["oracle"].slots[slot]
    test = scores(of_split("test"))
    assert 0.35 < test["keywords"].joint < 0.65 < test["oracle"].joint
    assert str(test["oracle"]).startswith("joint goal 1.000  service 1.000")


def test_trackers_do_not_read_the_labels() -> None:
    hidden = [
        {field: value for field, value in row.items() if not field.startswith(("goal_", "final_"))}
        for row in calls()[:20]
    ]
    assert [oracle(row) for row in hidden] == [oracle(row) for row in calls()[:20]]
    blind = [{"asr": row["asr"]} for row in calls()[:20]]
    assert [keywords(row) for row in blind] == [keywords(row) for row in calls()[:20]]


def test_confidence_says_much_but_not_all() -> None:
    right, wrong = [], []
    for row in calls():
        triples = zip(row["asr"], row["asr_confidence"], row["transcript"], strict=True)
        for hypotheses, confidences, transcript in triples:
            (right if hypotheses[0] == transcript else wrong).append(confidences[0])
    assert 0.5 < len(right) / (len(right) + len(wrong)) < 0.8
    better = sum(one > other for one in right[:300] for other in wrong[:300])
    assert 0.65 < better / (len(right[:300]) * len(wrong[:300])) < 0.97


def test_more_noise_is_misheard_more() -> None:
    def share(noise: float) -> float:
        said = "i would like to book a table for four on friday"
        heads = [heard(said, noise, "train", Dice(f"{number}"))[0] for number in range(150)]
        return sum(head.words == said for head in heads) / len(heads)

    assert share(0.02) > share(0.1) > share(0.3)


def test_the_voice_falls_at_the_end() -> None:
    slope = AUDIO.index("final_slope")
    means = {}
    for ended in ("yes", "no"):
        slopes = [
            values[slope]
            for row in calls()
            for values, label in zip(row["audio"], row["end_of_turn"], strict=True)
            if label == ended
        ]
        means[ended] = sum(slopes) / len(slopes)
    assert means["yes"] < means["no"] - 10.0
