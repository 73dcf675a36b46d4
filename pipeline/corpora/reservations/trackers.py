"""Two trackers without learning, between which a learnt one should lie.

The *keywords* tracker takes the likeliest hypothesis word by word: a day is a day, the last one
counts, whatever else was said and whatever the system asked.  The *oracle* reads what was really
said by the grammar that made it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pipeline.corpora.reservations.grammar import SystemAct, first_goal, understood, updated
from pipeline.corpora.reservations.vocabulary import ANY, NUMBERS, SLOTS, SPOKEN

Row = Mapping[str, Any]
Goals = list[dict[str, str]]


class Score(NamedTuple):
    """Shares of all turns, from 0 to 1.

    Attributes:
        joint: of turns whose five slots are all right.
        slots: of turns in which a slot is right, by slot.
    """

    joint: float
    slots: dict[str, float]

    def __str__(self) -> str:
        slots = "  ".join(f"{slot} {share:.3f}" for slot, share in self.slots.items())
        return f"joint goal {self.joint:.3f}  {slots}"


def keywords(row: Row) -> Goals:
    """The goal after each turn of a call, by the last keyword of each slot."""
    goal, goals = first_goal(), []
    for hypotheses in row["asr"]:
        goal = {**goal, **_found(hypotheses[0])}
        goals.append(goal)
    return goals


SERVICE_WORDS = (
    ("cancel", r"cancel|cannot come"),
    ("change", r"change|changed|move"),
    ("enquire", r"question|free|open|space|left|still have"),
    ("book", r"book|reserve|reservation|table|dinner"),
)
OPEN_WORDS = {
    "day": "any day|day does not matter|all week|whichever day",
    "time": "any time|time does not matter|whenever|flexible",
}
_DAY = re.compile(rf"\b({'|'.join(SPOKEN['day'])})\b")
_NAME = re.compile(rf"\b({'|'.join(SPOKEN['name'])})\b")
_WAYS = {said: value for value, ways in SPOKEN["time"].items() for said in ways}
_PLAIN = "|".join(NUMBERS[4:9])
_TIME = re.compile(
    rf"\b((?:half past|quarter past|quarter to) \w+|"
    rf"(?:{_PLAIN}) (?:o'clock|pm|fifteen|thirty|forty five))\b|"
    rf"\b(?:at|around|about|by|say|said|was|that) ({_PLAIN})\b"
    r"(?! (?:people|of us|fifteen|thirty|forty)\b)"
)
_PARTY = re.compile(
    rf"\b(?:for|we are|be|party of) ({'|'.join(NUMBERS[1:9])})\b|"
    rf"\b({'|'.join(NUMBERS[1:9])}) (?:people|of us)\b"
)


def _found(words: str) -> dict[str, str]:
    found = {}
    for service, pattern in SERVICE_WORDS:
        if re.search(rf"\b(?:{pattern})\b", words):
            found["service"] = service
            break
    for slot, pattern in (("day", _DAY), ("name", _NAME)):
        named = pattern.findall(words)
        if named:
            found[slot] = named[-1]
    said = [one or other for one, other in _TIME.findall(words)]
    times = [_WAYS[way] for way in said if way in _WAYS]
    if times:
        found["time"] = times[-1]
    parties = [one or other for one, other in _PARTY.findall(words)]
    if parties:
        found["party"] = str(NUMBERS.index(parties[-1]) + 1)
    for slot, pattern in OPEN_WORDS.items():
        if re.search(rf"\b(?:{pattern})\b", words):
            found[slot] = ANY
    return found


def oracle(row: Row) -> Goals:
    """The goal after each turn of a call, from what was really said."""
    goal, goals, system = first_goal(), [], SystemAct("welcome")
    acts = zip(row["system_act"], row["system_slot"], row["system_value"], strict=True)
    for transcript, act in zip(row["transcript"], acts, strict=True):
        # After a pause, the caller still answers what was asked before it.
        system = system if act[0] == "listen" else SystemAct(*act)
        goal = updated(goal, understood(transcript, system) or [], system)
        goals.append(goal)
    return goals


TRACKERS = {"keywords": keywords, "oracle": oracle}


def scores(calls: Iterable[Row]) -> dict[str, Score]:
    """What each tracker gets right over all turns of some calls, by tracker."""
    right = {name: {slot: 0 for slot in ("joint", *SLOTS)} for name in TRACKERS}
    turns = 0
    for row in calls:
        turns += len(row["transcript"])
        for name, track in TRACKERS.items():
            for turn, goal in enumerate(track(row)):
                agree = [goal[slot] == row[f"goal_{slot}"][turn] for slot in SLOTS]
                right[name]["joint"] += all(agree)
                for slot, agrees in zip(SLOTS, agree, strict=True):
                    right[name][slot] += agrees
    return {
        name: Score(
            counts["joint"] / max(turns, 1), {slot: counts[slot] / max(turns, 1) for slot in SLOTS}
        )
        for name, counts in right.items()
    }
