"""Simulated calls: a caller with a goal, a line that mishears, a system that asks and confirms.

The system believes what the likeliest hypothesis says of the slots that are talked of, so a
misheard word leads to a wrong confirmation, and that to an annoyed caller.
"""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.corpora.dice import Dice
from pipeline.corpora.reservations.channel import Hypothesis, audio_of, heard, voice_of
from pipeline.corpora.reservations.grammar import (
    Said,
    SystemAct,
    first_goal,
    spoken,
    updated,
)
from pipeline.corpora.reservations.phrases import phrases
from pipeline.corpora.reservations.vocabulary import (
    ANY,
    NEEDED,
    NONE,
    SERVICES,
    SPOKEN,
    names,
)

LONGEST = 24
"""Turns after which a call ends in any case."""


class Turn(NamedTuple):
    """What a caller says without a pause, what the system said before, and the labels after it."""

    system: SystemAct
    transcript: str
    hypotheses: list[Hypothesis]
    audio: list[float]
    goal: dict[str, str]
    ended: bool
    hand_over: bool


class Call:
    """One call.

    Args:
        split: whose phrases and names the caller uses.
        known: whether the caller has called before, and so more often changes a booking.
        dice: decides everything.
    """

    def __init__(self, split: str, known: bool, dice: Dice):
        self.split, self._dice = split, dice
        self.mobile = dice.chance(0.6)
        self._voice = voice_of(dice, self.mobile)
        self._annoyed = 0.0
        self._phrases = phrases(split)
        self.service = dice.pick(SERVICES if known else ("book", "book", "book", *SERVICES))
        self.wants: dict[str, str] = {slot: self._value(slot) for slot in SPOKEN}
        for slot in ("day", "time"):
            if self.service in ("book", "enquire") and dice.chance(0.1):
                self.wants[slot] = ANY
        self._believed: dict[str, str] = {}
        self._confirmed: set[str] = set()
        self._offered = self._booked = False
        self.goal = first_goal()

    def _value(self, slot: str, other: str | None = None) -> str:
        values = names(self.split) if slot == "name" else list(SPOKEN[slot])
        while (value := self._dice.pick(values)) == other:
            pass
        return value

    def turns(self) -> Iterator[Turn]:
        """The turns of the call."""
        system = SystemAct("welcome")
        count = 0
        while count < LONGEST:
            parts = self._answer(system)
            hand_over = any(said.words in self._phrases["person"] for said in parts)
            hand_over |= self._annoyed >= 1.0 and self._dice.chance(0.5)
            cut = 1 + self._dice.below(len(parts) - 1) if len(parts) > 1 else len(parts)
            paused = len(parts) > 1 and self._dice.chance(0.6)
            pieces = [parts[:cut], parts[cut:]] if paused else [parts]
            for place, piece in enumerate(pieces):
                last = place == len(pieces) - 1
                yield self._turn(piece, system, place == 0, last, hand_over and last)
                count += 1
            if hand_over or system.act == "done":
                return
            system = self._ask()

    def _turn(
        self, parts: list[Said], system: SystemAct, answers: bool, ended: bool, hand_over: bool
    ) -> Turn:
        for said in parts:
            self.goal = updated(self.goal, said.meanings, system)
        transcript = self._hesitating(" ".join(said.words for said in parts), ended)
        # An annoyed voice is understood worse.
        noise = self._voice.noise * (1.0 + 0.5 * self._annoyed)
        hypotheses = heard(transcript, noise, self.split, self._dice)
        self._believe(parts, hypotheses[0].words, system)
        annoyed = min(1.0, self._annoyed)
        audio = audio_of(transcript, self._voice, annoyed, ended, answers, self._dice)
        act = system if answers else SystemAct("listen")
        return Turn(act, transcript, hypotheses, audio, dict(self.goal), ended, hand_over)

    def _hesitating(self, words: str, ended: bool) -> str:
        said = []
        for word in words.split():
            if self._dice.chance(0.04):
                said.append(self._dice.pick(("uh", "um", "er")))
            said.append(word)
        if not ended and self._dice.chance(0.4):
            said.append(self._dice.pick(("uh", "um")))
        return " ".join(said)

    def _believe(self, parts: list[Said], words: str, system: SystemAct) -> None:
        """What the system takes from the likeliest hypothesis."""
        for said in parts:
            for slot, (value, way) in said.spoken.items():
                if f" {way} " in f" {words} ":
                    self._believed[slot] = value
                elif self._dice.chance(0.5):
                    self._believed[slot] = self._value(slot, value)
            for act, slot, value in said.meanings:
                if slot == "service" or value == ANY:
                    self._believed[slot] = value
                if act == "yes" and system.slot in self.wants:
                    self._believed[system.slot] = system.value
                    self._confirmed.add(system.slot)
                if act == "no" and self._believed.get(system.slot) == system.value:
                    self._believed.pop(system.slot)

    def _ask(self) -> SystemAct:
        """What the system says next."""
        dice, believed = self._dice, self._believed
        if "service" not in believed:
            return SystemAct("request", "service")
        needed = NEEDED[believed["service"]]
        doubtful = [
            slot
            for slot in needed
            if believed.get(slot, ANY) != ANY and slot not in self._confirmed
        ]
        if doubtful and dice.chance(0.45):
            slot = dice.pick(doubtful)
            return SystemAct("confirm", slot, believed[slot])
        missing = [slot for slot in needed if slot not in believed]
        if missing:
            return SystemAct("request", missing[0])
        if not self._offered and "time" in needed and dice.chance(0.35):
            self._offered = True
            return SystemAct("offer", "time", self._value("time", believed["time"]))
        if doubtful and dice.chance(0.5):
            return SystemAct("confirm", doubtful[0], believed[doubtful[0]])
        return SystemAct("done")

    def _answer(self, system: SystemAct) -> list[Said]:
        """What the caller says to the system."""
        dice = self._dice
        if system.act == "welcome":
            return self._opening()
        if system.act == "done":
            enquired = self.goal["service"] == "enquire" and not self._booked
            if enquired and dice.chance(0.5):
                self._booked, self.service = True, "book"
                return [self._say("then book"), self._say("bye")]
            return [self._say("bye")]
        said: list[Said] = []
        if system.act == "request":
            if system.slot in self.goal and self.goal[system.slot] != NONE:
                self._annoy(0.35, said)
            if dice.chance(0.03):
                return [*said, self._say("pardon")]
            said.append(self._tell(system.slot))
            if dice.chance(0.3):
                said += self._more(system.slot)
            if dice.chance(0.12):
                said += self._changed(system.slot)
            return self._or_person(said)
        if system.act == "offer":
            if dice.chance(0.6):
                self.wants[system.slot] = system.value
                return [self._say("yes"), *self._more(system.slot)]
            said.append(self._say("no"))
            if dice.chance(0.5):
                self.wants["time"] = self._value("time", system.value)
            said.append(self._tell("time"))
            return said
        if self.wants.get(system.slot) == system.value:
            said.append(self._say("yes"))
            return [*said, *self._changed(system.slot)] if dice.chance(0.12) else said
        self._annoy(0.35, said)
        if system.slot == "day" and dice.chance(0.4):
            said.append(self._say("not day", not_day=system.value))
        else:
            said.append(self._say("no"))
        said.append(self._correct(system.slot))
        return self._or_person(said)

    def _opening(self) -> list[Said]:
        dice = self._dice
        said = [self._say("hello")] if dice.chance(0.5) else []
        said.append(self._say(self.service))
        if self.service == "change" and dice.chance(0.6):
            before = self._value("day", self.wants["day"])
            said.append(self._say("moved day", day=self.wants["day"], not_day=before))
        slots = [slot for slot in NEEDED[self.service] if slot != "name" or dice.chance(0.4)]
        for slot in dice.mixed(slots)[: dice.below(4)]:
            said.append(self._tell(slot, opening=True))
        if dice.chance(0.15):
            slot = dice.pick(("day", "time", "party"))
            said.append(self._say(f"mention {slot}", **{f"mention_{slot}": self._value(slot)}))
        return said

    def _tell(self, slot: str, opening: bool = False) -> Said:
        """Names the value of a slot, in answer or unasked."""
        if slot == "service":
            return self._say(self.service)
        if self.wants[slot] == ANY:
            return self._say(f"any {slot}")
        unasked = {"day": "on day", "time": "at time", "party": "for party", "name": "with name"}
        kind = unasked[slot] if opening else f"only {slot}"
        return self._say(kind, **{slot: self.wants[slot]})

    def _correct(self, slot: str) -> Said:
        if self.wants[slot] == ANY:
            return self._say(f"any {slot}")
        if self._dice.chance(0.5):
            return self._say(f"only {slot}", **{slot: self.wants[slot]})
        return self._say("i said", **{slot: self.wants[slot]})

    def _more(self, asked: str) -> list[Said]:
        """Another slot, before it is asked for."""
        open_slots = [
            slot
            for slot in NEEDED.get(self.service, ())
            if slot != asked and self.goal[slot] == NONE
        ]
        return [self._tell(self._dice.pick(open_slots), opening=True)] if open_slots else []

    def _changed(self, asked: str) -> list[Said]:
        """Another mind about a slot that was named already."""
        slots = [
            slot
            for slot in ("day", "time", "party")
            if slot != asked and self.goal[slot] not in (NONE, ANY)
        ]
        if not slots:
            return []
        slot = self._dice.pick(slots)
        before = self.goal[slot]
        self.wants[slot] = self._value(slot, before)
        self._confirmed.discard(slot)
        return [self._say(f"new {slot}", **{slot: self.wants[slot], f"not_{slot}": before})]

    def _annoy(self, more: float, said: list[Said]) -> None:
        self._annoyed += more
        if self._dice.chance(0.3 * self._annoyed):
            said.append(self._say("complaint"))

    def _or_person(self, said: list[Said]) -> list[Said]:
        wants_one = self._annoyed > 0.3 and self._dice.chance(0.25 * self._annoyed)
        return [*said, self._say("person")] if wants_one else said

    def _say(self, kind: str, **values: str) -> Said:
        """A phrase of a kind, with one way to say each value."""
        fitting = [
            phrase
            for phrase in self._phrases[kind]
            if kind != "i said" or all(f"{{{slot}}}" in phrase for slot in values)
        ]
        return spoken(kind, self._dice.pick(fitting), values, self._dice)
