"""Known tasks for recurrent networks, as rows.

``parity``: whether the ones so far are even or odd in number; one bit of memory, but every step
counts.  ``adding`` (Hochreiter & Schmidhuber 1997, section 5.4): the sum of the two marked values
of a long sequence.  ``sine``: noisy sine waves whose period is to be told, or whose course is to be
forecast.  ``thermostat``: what a controller does at each step, to be done likewise; what it
measures does not say whether it is heating already, or may not yet begin.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.corpora.dice import Dice
from pipeline.corpora.spec import Progress

SUMS = {"low": math.sqrt(0.5), "below one": 1.0, "above one": 2.0 - math.sqrt(0.5), "high": 2.0}
"""Upper ends of the classes of ``adding``; a quarter of the sums falls to each."""
PERIODS = {"short": 8.0, "middling": 12.0, "long": 18.0, "very long": 27.0}
"""Time steps a period has in the middle of each class of ``sine``."""
WARMING = {"heat": 0.4, "cool": -0.4, "rest": 0.0}
"""Degrees a step that each action of ``thermostat`` gives."""
PAUSE = 4
"""Steps for which it rests at least."""
START = datetime(2026, 1, 1, tzinfo=UTC)


def parity(rows: int, length: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of ``bits`` (``"0"`` or ``"1"``), their ``parity`` after each of them, and the ``last``.

    Half of ``length`` to ``length`` bits a row.
    """
    for row in range(rows):
        dice = Dice(f"parity:{seed}:{row}")
        bits = [dice.below(2) for _ in range(_length(dice, length))]
        ones, states = 0, []
        for bit in bits:
            ones += bit
            states.append("odd" if ones % 2 else "even")
        yield {"bits": [str(bit) for bit in bits], "parity": states, "last": states[-1]}


def adding(rows: int, length: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of ``steps`` (a value in [0, 1), a marker), ``sum`` of the marked values, its ``class``.

    Half of ``length`` to ``length`` steps a row; one marker in the first half, one in the second.
    """
    for row in range(rows):
        dice = Dice(f"adding:{seed}:{row}")
        count = max(2, _length(dice, length))
        values = [round(dice.between(0.0, 1.0), 4) for _ in range(count)]
        marked = {dice.below(count // 2), count // 2 + dice.below(count - count // 2)}
        total = sum(values[step] for step in sorted(marked))
        name = next(name for name, end in SUMS.items() if total < end or end == 2.0)
        steps = [[value, float(step in marked)] for step, value in enumerate(values)]
        yield {"steps": steps, "sum": round(total, 4), "class": name}


def sine(rows: int, length: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of ``series`` (its id), ``values``, the class of their ``period`` and its ``steps``.

    Period, phase, height and level differ; noise of a third of the height lies over all.
    """
    for row in range(rows):
        dice = Dice(f"sine:{seed}:{row}")
        name = dice.pick(list(PERIODS))
        period = PERIODS[name] * dice.between(0.85, 1.15)
        phase, height = dice.between(0.0, 2.0 * math.pi), dice.between(0.5, 2.0)
        level = dice.normal(0.0, 1.0)
        values = [
            round(
                level
                + height * math.sin(phase + 2.0 * math.pi * step / period)
                + dice.normal(0.0, height / 3.0),
                4,
            )
            for step in range(length)
        ]
        yield {
            "series": f"wave-{row:05d}",
            "values": values,
            "period": name,
            "steps": round(period, 2),
        }


def thermostat(rows: int, length: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of ``readings`` (a temperature, how far it is above the one wanted) and ``actions``.

    An action for each reading: heats (cools) from a degree below (above) what is wanted to half a
    degree beyond it.  Half of ``length`` to ``length`` steps a row; what is wanted changes now and
    then.
    """
    for row in range(rows):
        dice = Dice(f"thermostat:{seed}:{row}")
        wanted, outside = dice.between(18.0, 24.0), dice.between(0.0, 40.0)
        inside, action, rested = wanted + dice.normal(0.0, 2.0), "rest", PAUSE
        readings, actions = [], []
        for _ in range(_length(dice, length)):
            if dice.chance(0.03):
                wanted = dice.between(18.0, 24.0)
            measured = inside + dice.normal(0.0, 0.05)
            above = round(measured - wanted, 2)
            action = _action(action, rested, above)
            rested = rested + 1 if action == "rest" else 0
            readings.append([round(measured, 2), above])
            actions.append(action)
            inside += 0.02 * (outside - inside) + WARMING[action] + dice.normal(0.0, 0.05)
        yield {"readings": readings, "actions": actions}


def _action(before: str, rested: int, above: float) -> str:
    """What is done next, at so many degrees above what is wanted."""
    if before == "heat":
        return "heat" if above < 0.5 else "rest"
    if before == "cool":
        return "cool" if above > -0.5 else "rest"
    if rested < PAUSE or abs(above) < 1.0:
        return "rest"
    return "heat" if above < 0.0 else "cool"


def _length(dice: Dice, longest: int) -> int:
    shortest = max(1, longest // 2)
    return shortest + dice.below(longest - shortest + 1)


def write_parity(folder: Path, options: Mapping[str, int], progress: Progress) -> list[str]:
    """Writes ``parity.jsonl``."""
    write_rows(folder / "parity.jsonl", parity(**options), options["rows"], progress)
    return []


def write_adding(folder: Path, options: Mapping[str, int], progress: Progress) -> list[str]:
    """Writes ``adding.jsonl``."""
    write_rows(folder / "adding.jsonl", adding(**options), options["rows"], progress)
    return []


def write_sine(folder: Path, options: Mapping[str, int], progress: Progress) -> list[str]:
    """Writes ``sine.jsonl``, a series a row, and ``sine.csv``, an hourly reading a row."""
    with open(folder / "sine.csv", "w", encoding="utf-8", newline="") as long:
        long.write("series,time,value,period\n")

        def rows() -> Iterator[dict[str, Any]]:
            for row in sine(**options):
                for step, value in enumerate(row["values"]):
                    time = (START + timedelta(hours=step)).strftime("%Y-%m-%dT%H:%M:%SZ")
                    long.write(f"{row['series']},{time},{value},{row['period']}\n")
                yield row

        write_rows(folder / "sine.jsonl", rows(), options["rows"], progress)
    return []


def write_thermostat(folder: Path, options: Mapping[str, int], progress: Progress) -> list[str]:
    """Writes ``thermostat.jsonl``."""
    write_rows(folder / "thermostat.jsonl", thermostat(**options), options["rows"], progress)
    return []


def write_rows(path: Path, rows: Iterable[dict[str, Any]], count: int, progress: Progress) -> None:
    """Writes rows as JSON Lines.

    Args:
        path: the file.
        rows: what is written.
        count: how many they are, for the progress.
        progress: called with the rows written.
    """
    with open(path, "w", encoding="utf-8", newline="") as file:
        for done, row in enumerate(rows, start=1):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            if done % 50 == 0 or done == count:
                progress(done, count, f"writing {path.name}")
