"""Pieces of music as chords, for a task that answers each step with a set: which notes come next.

Each piece has a key of its own and is a Markov chain of the second order over the triads of the
major scale: where a chord leads depends on it and on whether the one before was a resting one.
What comes next is thus told by two chords and the key, which the notes of one chord leave open.
After the last chord there is silence, an empty set.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.corpora.dice import Dice
from pipeline.corpora.spec import Progress
from pipeline.corpora.synthetic import write_rows

NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
DEGREES = {
    "I": (0, 4, 7),
    "ii": (2, 5, 9),
    "iii": (4, 7, 11),
    "IV": (5, 9, 0),
    "V": (7, 11, 2, 5),
    "vi": (9, 0, 4),
}
"""Semitones above the tonic; that on the fifth has its seventh."""
RESTING = ("I", "iii", "vi")
LEADS = {
    "I": ("IV", "vi"),
    "ii": ("V", "I"),
    "iii": ("IV", "vi"),
    "IV": ("V", "I"),
    "V": ("vi", "I"),
    "vi": ("ii", "IV"),
}
"""Where a chord leads after a resting one, and after another."""
EXPECTED = 0.75
"""How often it goes where it leads; else it goes to any other chord."""


def chords(rows: int, length: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of ``piece``, its ``key``, ``chords`` and the ``next`` notes after each of them.

    A chord is twelve numbers, 1.0 for each note that sounds; the notes that come next are names.
    Half of ``length`` to ``length`` chords a piece.
    """
    for row in range(rows):
        dice = Dice(f"chords:{seed}:{row}")
        key, count = dice.below(12), max(2, length // 2 + dice.below(length - length // 2 + 1))
        degrees = ["I"]
        while len(degrees) < count:
            before, now = degrees[-2:] if len(degrees) > 1 else ("I", "I")
            expected = LEADS[now][0 if before in RESTING else 1]
            others = [degree for degree in DEGREES if degree != now]
            degrees.append(expected if dice.chance(EXPECTED) else dice.pick(others))
        pitches = [sorted((key + step) % 12 for step in DEGREES[degree]) for degree in degrees]
        yield {
            "piece": f"piece-{row:05d}",
            "key": NOTES[key],
            "chords": [[float(pitch in chord) for pitch in range(12)] for chord in pitches],
            "next": [[NOTES[pitch] for pitch in chord] for chord in [*pitches[1:], []]],
        }


def write_chords(folder: Path, options: Mapping[str, int], progress: Progress) -> list[str]:
    """Writes ``chords.jsonl``."""
    write_rows(folder / "chords.jsonl", chords(**options), options["rows"], progress)
    return []
