"""Synthetic telephone calls to a restaurant, a call a row, lists over its turns.

docs/data_sets.md describes every field.  The same seed and version give the same bytes.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.corpora.dice import Dice
from pipeline.corpora.reservations.calls import Call
from pipeline.corpora.reservations.trackers import scores
from pipeline.corpora.reservations.vocabulary import DAYS, NONE, SERVICES, SLOTS
from pipeline.corpora.spec import Progress
from pipeline.corpora.synthetic import write_rows


def rows(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Calls as rows.

    Args:
        count: how many; the first ones of more calls are the same.
        seed: another seed, other calls.
    """
    for number in range(count):
        # Of ten calls, one is of the validate split and two are of the test split.
        split = {7: "validate", 8: "test", 9: "test"}.get(number % 10, "train")
        dice = Dice(f"reservations:{seed}:{number}")
        calls_before = dice.below(4) if dice.chance(0.5) else 0
        call = Call(split, calls_before > 0, dice)
        known = {
            "call": f"call-{seed}-{number:05d}",
            "split": split,
            "menu": _keyed(call, dice),
            "hour": 9 + dice.below(13),
            "weekday": dice.pick(DAYS),
            "line": "mobile" if call.mobile else "landline",
            "calls_before": calls_before,
        }
        turns = list(call.turns())
        yield {
            **known,
            "system_act": [turn.system.act for turn in turns],
            "system_slot": [turn.system.slot or NONE for turn in turns],
            "system_value": [turn.system.value or NONE for turn in turns],
            "asr": [[heard.words for heard in turn.hypotheses] for turn in turns],
            "asr_confidence": [[heard.confidence for heard in turn.hypotheses] for turn in turns],
            "audio": [turn.audio for turn in turns],
            "transcript": [turn.transcript for turn in turns],
            **{f"goal_{slot}": [turn.goal[slot] for turn in turns] for slot in SLOTS},
            "end_of_turn": ["yes" if turn.ended else "no" for turn in turns],
            "hand_over": ["yes" if turn.hand_over else "no" for turn in turns],
            **{f"final_{slot}": turns[-1].goal[slot] for slot in SLOTS},
        }


def _keyed(call: Call, dice: Dice) -> str:
    """The service that the caller chose on the keypad: mostly the right one, or none at all."""
    if dice.chance(0.2):
        return "none"
    return dice.pick(SERVICES) if dice.chance(0.12) else call.service


def write(folder: Path, options: Mapping[str, int], progress: Progress) -> list[str]:
    """Writes ``reservations.jsonl``.

    Returns:
        what the two trackers without learning come to on the test split, a line each.
    """
    kept = []

    def calls() -> Iterator[dict[str, Any]]:
        for row in rows(options["rows"], options["seed"]):
            if row["split"] == "test":
                kept.append(row)
            yield row

    write_rows(folder / "reservations.jsonl", calls(), options["rows"], progress)
    return [f"{name:8}  {score}" for name, score in scores(kept).items()]
