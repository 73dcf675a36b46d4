"""Patients on a ward."""

from pipeline.corpora.patients import write_patients
from pipeline.corpora.spec import GeneratedSet

SET = GeneratedSet(
    name="patients",
    what="made-up patients: a note, hourly readings, age, ward; how ill, and what was found",
    task="classify (levels in order, sets of labels)",
    size="3,000 patients, 1.7 MB",
    licence="Apache-2.0 (generated)",
    citation="none",
    home="pipeline/corpora/patients.py",
    options={"rows": 3000, "length": 24, "seed": 0},
    generate=write_patients,
)
