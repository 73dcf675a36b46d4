"""Reads what a caller said by the phrases that callers are made of, and keeps the goal.

The goal after a turn is what a listener who heard every word would hold to be wanted: the same
``updated`` makes the labels from what the caller means and, in the oracle, from what was said.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.corpora.dice import Dice
from pipeline.corpora.reservations.phrases import OPEN_SLOT, PHRASES, SERVICE_OF
from pipeline.corpora.reservations.vocabulary import ANY, HESITATIONS, NONE, SLOTS, SPOKEN

ROLES = {"": "want", "not_": "drop", "mention_": "mention"}
"""What a value is named for, by the beginning of its place in a phrase."""
_PLACE = re.compile(r"\{(not_|mention_|)(day|time|party|name)\}")


class SystemAct(NamedTuple):
    """What the system said last.

    ``welcome``; ``request`` of a slot; ``confirm`` that a slot has a value; ``offer`` of a value;
    ``listen`` while the caller goes on after a pause; ``done``.
    """

    act: str
    slot: str = ""
    value: str = ""


class Meaning(NamedTuple):
    """One thing that a caller means: to ``want``, ``drop`` or ``mention`` a value; yes; no."""

    act: str
    slot: str = ""
    value: str = ""


class Said(NamedTuple):
    """A phrase as it was said: its words, what they mean, the values in them by slot."""

    words: str
    meanings: list[Meaning]
    spoken: dict[str, tuple[str, str]]


def first_goal() -> dict[str, str]:
    """The goal before anything was said."""
    return dict.fromkeys(SLOTS, NONE)


def updated(
    goal: Mapping[str, str], meanings: Sequence[Meaning], system: SystemAct
) -> dict[str, str]:
    """The goal after a caller's words.

    Args:
        goal: before them.
        meanings: of the words.
        system: what the caller answers to.
    """
    goal = dict(goal)
    asked = system.act in ("confirm", "offer")
    for act, slot, value in meanings:
        if act == "want":
            goal[slot] = value
        elif act == "drop" and goal[slot] == value:
            goal[slot] = NONE
        elif act == "yes" and asked:
            goal[system.slot] = system.value
        elif act == "no" and asked and goal[system.slot] == system.value:
            goal[system.slot] = NONE
    return goal


def meanings_of(kind: str, values: Mapping[str, str]) -> list[Meaning]:
    """What a phrase means.

    Args:
        kind: of the phrase.
        values: what stands in its places, by place (``day``, ``not_day``, ...).
    """
    found = [
        Meaning(ROLES[place.rpartition("_")[0] + "_" if "_" in place else ""], slot, value)
        for place, value in values.items()
        for slot in [place.rpartition("_")[2]]
    ]
    # What is dropped goes first, so that it cannot undo what is wanted.
    found.sort(key=lambda meaning: meaning.act)
    if kind in SERVICE_OF:
        found.append(Meaning("want", "service", SERVICE_OF[kind]))
    if kind in OPEN_SLOT:
        found.append(Meaning("want", OPEN_SLOT[kind], ANY))
    if kind in ("yes", "no"):
        found.append(Meaning(kind))
    return found


def spoken(kind: str, phrase: str, values: Mapping[str, str], dice: Dice) -> Said:
    """A phrase with its places filled.

    Args:
        kind: of the phrase.
        phrase: with places.
        values: by place; those without a place in the phrase are left out.
        dice: chooses among the ways to say a value.
    """
    used = {place: value for place, value in values.items() if f"{{{place}}}" in phrase}
    ways = {
        place: dice.pick(SPOKEN[place.rpartition("_")[2]][value]) for place, value in used.items()
    }
    wanted = {place: (used[place], way) for place, way in ways.items() if "_" not in place}
    return Said(phrase.format(**ways), meanings_of(kind, used), wanted)


def understood(transcript: str, system: SystemAct) -> list[Meaning] | None:
    """What a caller's words mean, or None if they are no sequence of phrases.

    Args:
        transcript: the words, as spoken.
        system: what the caller answers to; it tells whether a bare number is a time or a party.
    """
    words = " ".join(word for word in transcript.split() if word not in HESITATIONS)
    return _read(words, 0, system.slot)


def _read(text: str, start: int, slot: str) -> list[Meaning] | None:
    if start >= len(text):
        return []
    matches = []
    for order, (kind, pattern) in enumerate(_patterns().get(text[start:].split(" ", 1)[0], ())):
        found = pattern.match(text, start)
        if found:
            matches.append((-found.end(), _answers_other(kind, slot), order, kind, found))
    # The longest phrase first; of equal ones, the one that answers what was asked.
    for end, _, _, kind, found in sorted(matches, key=lambda match: match[:3]):
        rest = _read(text, -end + 1, slot)
        if rest is not None:
            values = {
                place: _values()[place.rpartition("_")[2]][words]
                for place, words in found.groupdict().items()
            }
            return [*meanings_of(kind, values), *rest]
    return None


def _answers_other(kind: str, slot: str) -> bool:
    return kind.startswith("only ") and kind != f"only {slot}"


@functools.cache
def _values() -> dict[str, dict[str, str]]:
    """The value of each way to say it, by slot."""
    return {
        slot: {said: value for value, ways in spoken.items() for said in ways}
        for slot, spoken in SPOKEN.items()
    }


@functools.cache
def _patterns() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """Kinds and patterns of all phrases, by the first word that they can begin with."""
    found: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for split in PHRASES.values():
        for kind, phrases in split.items():
            for phrase in phrases:
                pattern = re.compile(_PLACE.sub(_alternatives, phrase) + r"(?= |$)")
                place = _PLACE.match(phrase)
                firsts = _values()[place[2]] if place else [phrase]
                for first in {words.split(" ")[0] for words in firsts}:
                    found.setdefault(first, []).append((kind, pattern))
    return found


def _alternatives(place: re.Match[str]) -> str:
    ways = sorted(_values()[place[2]], key=lambda words: (-len(words), words))
    return f"(?P<{place[1]}{place[2]}>{'|'.join(map(re.escape, ways))})"
