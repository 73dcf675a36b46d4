"""The telephone line: what a recogniser makes of words, and how the voice sounds.

A word keeps most of its weight on a quiet line; on a bad one some of it goes to words that look
alike (shared pairs of letters) or sound alike.  The likeliest ways through all words are the
hypotheses.  Their confidence is their share of the weight, blurred: it tells much, not all.
"""

import functools
import math
from typing import NamedTuple

from pipeline.corpora.dice import Dice
from pipeline.corpora.reservations.phrases import phrases
from pipeline.corpora.reservations.vocabulary import DAYS, HESITATIONS, NUMBERS, TIMES, names

BEST = 5
"""Hypotheses of a turn, at most."""
ALIKE = {
    "four": ("for", "fourteen"),
    "for": ("four", "from"),
    "two": ("to", "too"),
    "to": ("two", "the"),
    "eight": ("ate", "late"),
    "one": ("won", "on"),
    "on": ("one", "and"),
    "six": ("sick", "fix"),
    "seven": ("eleven", "several"),
    "five": ("nine", "fine"),
    "nine": ("five", "mine"),
    "ten": ("then", "tent"),
    "fifteen": ("fifty", "sixteen"),
    "thirty": ("thirteen", "dirty"),
    "tuesday": ("thursday", "today"),
    "thursday": ("tuesday", "thirsty"),
    "sunday": ("monday", "someday"),
    "monday": ("sunday", "monthly"),
    "today": ("tuesday", "to day"),
    "not": ("", "what"),
    "no": ("know", "now"),
    "past": ("fast", "passed"),
}
"""Words that sound alike, beside those that look alike."""


class Hypothesis(NamedTuple):
    """Words that a recogniser may have heard; how sure it is of them, from 0 to 1."""

    words: str
    confidence: float


class Voice(NamedTuple):
    """A caller's usual voice and line."""

    pitch: float
    energy: float
    rate: float
    noise: float


AUDIO = (
    "energy",
    "pitch",
    "pitch_range",
    "final_slope",
    "rate",
    "duration",
    "pause_before",
    "signal_to_noise",
)
"""Names of the audio features of a turn, in their order."""


def voice_of(dice: Dice, mobile: bool) -> Voice:
    """A caller's voice.

    Returns:
        pitch in Hz, energy in dB, speaking rate in syllables a second, and the line's noise: about
        the share of words that are misheard.
    """
    pitch = dice.normal(205.0, 22.0) if dice.chance(0.5) else dice.normal(118.0, 15.0)
    noise = dice.between(0.08, 0.28) if mobile else dice.between(0.04, 0.14)
    return Voice(max(pitch, 70.0), dice.normal(62.0, 4.0), dice.normal(4.4, 0.4), noise)


def heard(transcript: str, noise: float, split: str, dice: Dice) -> list[Hypothesis]:
    """Hypotheses of what was said, the likeliest first; the surer, the likelier to be right."""
    paths: list[tuple[float, tuple[str, ...]]] = [(0.0, ())]
    for word in transcript.split():
        choices = _choices(word, noise, split, dice)
        paths = sorted(
            (
                (weight + more, (*words, *said.split()))
                for weight, words in paths
                for said, more in choices
            ),
            key=lambda path: (-path[0], path[1]),
        )[: 2 * BEST]
    merged: dict[str, float] = {}
    for weight, words in paths:
        text = " ".join(words)
        merged[text] = merged.get(text, 0.0) + math.exp(weight)
    best = sorted(merged.items(), key=lambda item: (-item[1], item[0]))[:BEST]
    if len(best) > 1:
        best = [(text, weight) for text, weight in best if text]
    blurred = sorted((_blurred(min(weight, 0.999), dice) for _, weight in best), reverse=True)
    whole = max(1.0, sum(blurred))
    return [
        Hypothesis(text, round(share / whole, 4))
        for (text, _), share in zip(best, blurred, strict=True)
    ]


def _blurred(share: float, dice: Dice) -> float:
    logit = math.log(share / (1.0 - share)) + dice.normal(0.0, 0.7)
    return 1.0 / (1.0 + math.exp(-logit))


def _choices(word: str, noise: float, split: str, dice: Dice) -> list[tuple[str, float]]:
    """What a word may be heard as, with the logarithm of each one's share."""
    clear = dice.chance(1.0 - 2.0 * noise)
    own = dice.between(2.5, 6.0) if clear else dice.normal(0.4, 1.0)
    weights = [(word, own)]
    weights += [(other, dice.normal(-0.6, 0.8)) for other in _alike(word, split)]
    if len(word) < 4:
        weights.append(("", dice.normal(-1.2, 0.8)))
    if dice.chance(0.3 * noise):
        weights.append((f"{word} {dice.pick(HESITATIONS)}", dice.normal(0.0, 1.0)))
    total = math.log(sum(math.exp(weight) for _, weight in weights))
    return [(said, weight - total) for said, weight in weights]


@functools.cache
def _alike(word: str, split: str) -> tuple[str, ...]:
    """Words that may be heard instead; names only of the split's own callers."""
    near = sorted(
        (other for other in _words(split) if other != word),
        key=lambda other: (-_likeness(word, other), other),
    )
    return tuple(dict.fromkeys((*ALIKE.get(word, ()), *near[:2])))


def _likeness(one: str, other: str) -> float:
    """Share of pairs of letters that two words have in common (Dice 1945)."""
    first, second = _pairs(one), _pairs(other)
    return 2.0 * len(first & second) / (len(first) + len(second))


@functools.cache
def _pairs(word: str) -> frozenset[str]:
    padded = f" {word} "
    return frozenset(padded[place : place + 2] for place in range(len(padded) - 1))


@functools.cache
def _words(split: str) -> tuple[str, ...]:
    said = {
        word
        for kind in phrases(split).values()
        for phrase in kind
        for word in phrase.split()
        if "{" not in word
    }
    said.update(names(split), DAYS, NUMBERS)
    said.update(word for ways in TIMES.values() for way in ways for word in way.split())
    return tuple(sorted(said))


def audio_of(
    transcript: str, voice: Voice, annoyed: float, ended: bool, answers: bool, dice: Dice
) -> list[float]:
    """The audio features of a turn, in the order of ``AUDIO``.

    Args:
        transcript: what was said.
        voice: the caller's.
        annoyed: how much the caller is, from 0 to 1: louder, higher, faster.
        ended: whether the caller has finished; the pitch then falls.
        answers: whether it answers the system, rather than going on after a pause.
        dice: what else varies.
    """
    syllables = max(1, round(sum(map(len, transcript.split())) / 3.2))
    rate = max(1.5, dice.normal(voice.rate + 0.9 * annoyed - 0.3 * ended, 0.5))
    return [
        round(dice.normal(voice.energy + 7.0 * annoyed, 2.0), 1),
        round(voice.pitch * (1.0 + 0.16 * annoyed + dice.normal(0.0, 0.04)), 1),
        round(max(0.5, dice.normal(5.0 + 3.5 * annoyed, 1.5)), 1),
        round(dice.normal(-16.0 if ended else 2.0, 8.0), 1),
        round(rate, 2),
        round(syllables / rate, 2),
        round(dice.between(0.3, 1.6) if answers else dice.between(0.25, 0.9), 2),
        round(dice.normal(28.0 - 80.0 * voice.noise, 2.5), 1),
    ]
