"""Pieces of music as chords."""

from pipeline.corpora.chords import write_chords
from pipeline.corpora.spec import GeneratedSet

SET = GeneratedSet(
    name="chords",
    what="pieces of music as chords, and the notes that come next",
    task="classify (a set of labels a step)",
    size="1,500 pieces of up to 24 chords, 2.3 MB",
    licence="Apache-2.0 (generated)",
    citation="none",
    home="pipeline/corpora/chords.py",
    options={"rows": 1500, "length": 24, "seed": 0},
    generate=write_chords,
)
