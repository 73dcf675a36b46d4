"""Patients on a ward as records of several kinds: a note, hourly readings, an age, a ward.

How ill a patient is has four parts, and each feature tells of one: what the note reports, the
course of the readings, the age, and the ward.  The ``severity`` is in which quarter their sum lies;
``findings`` are a set, each from one feature.  Of a course the order counts: worse, better and
worse again differs from better, worse and better again neither in its ends and extremes nor in its
deviation and slope; the mean, beside the ends, tells a part.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.corpora.dice import Dice
from pipeline.corpora.spec import Progress
from pipeline.corpora.synthetic import write_rows

SEVERITIES = {"mild": -0.85, "moderate": 0.1, "severe": 1.05, "critical": 99.0}
"""Upper ends; a quarter of the patients, nearly, falls to each."""
REPORTS = {
    -1.0: ("sleeps well", "walks without help", "eats everything", "no complaints"),
    0.0: ("some pain at night", "eats little", "a little short of breath", "feels weak"),
    1.0: ("confused since morning", "severe pain", "cannot stand", "short of breath at rest"),
}
FILLERS = ("seen by the nurse", "family informed", "blood taken", "room changed", "drip checked")
WARDS = {"day clinic": -0.6, "medicine": 0.0, "surgery": 0.2, "intensive care": 0.8}
COURSES = {"recovering": -1.0, "steady": 0.0, "relapsing": 1.0}
UNKNOWN_AGE = 0.1
NOISE = 0.25


def patients(rows: int, length: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of ``patient``, ``note``, ``readings``, ``age``, ``ward``; ``severity``, ``findings``.

    A reading is heart rate (beats a minute), temperature (degrees Celsius) and oxygen saturation
    (%), hourly; half of ``length`` to ``length`` of them.  The age is in years, null for a tenth.
    """
    for row in range(rows):
        dice = Dice(f"patients:{seed}:{row}")
        told = dice.pick(list(REPORTS))
        reports = [dice.pick(REPORTS[told]), dice.pick(FILLERS), dice.pick(FILLERS)]
        course = dice.pick(list(COURSES))
        hours = max(2, length // 2 + dice.below(length - length // 2 + 1))
        readings = _readings(dice, hours, COURSES[course])
        age, ward = round(dice.between(18.0, 95.0)), dice.pick(list(WARDS))
        ill = told + COURSES[course] + (age - 56.0) / 40.0 + WARDS[ward] + dice.normal(0.0, NOISE)
        found = {
            "fever": sum(reading[1] for reading in readings) / hours > 37.8,
            "pain": any("pain" in report for report in reports),
            "relapsing": course == "relapsing",
            "frail": age >= 75,
        }
        yield {
            "patient": f"patient-{row:05d}",
            "note": ", ".join(dice.mixed(reports)),
            "readings": readings,
            "age": None if dice.chance(UNKNOWN_AGE) else age,
            "ward": ward,
            "severity": next(name for name, end in SEVERITIES.items() if ill < end),
            "findings": [name for name, there in found.items() if there],
        }


def _readings(dice: Dice, hours: int, course: float) -> list[list[float]]:
    """Three half waves around the patient's own level, or their mirror image."""
    heart, heat = dice.normal(85.0, 10.0), dice.normal(37.5, 0.6)
    oxygen = dice.normal(94.0, 2.0)
    found = []
    for hour in range(hours):
        way = course * math.sin(3.0 * math.pi * hour / (hours - 1))
        found.append(
            [
                round(heart + 12.0 * way + dice.normal(0.0, 5.0), 1),
                round(heat + 0.5 * way + dice.normal(0.0, 0.2), 2),
                round(min(oxygen - 2.0 * way + dice.normal(0.0, 1.0), 100.0), 1),
            ]
        )
    return found


def write_patients(folder: Path, options: Mapping[str, int], progress: Progress) -> list[str]:
    """Writes ``patients.jsonl``."""
    write_rows(folder / "patients.jsonl", patients(**options), options["rows"], progress)
    return []
