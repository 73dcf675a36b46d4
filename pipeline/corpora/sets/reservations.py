"""Synthetic telephone calls to a restaurant."""

from pipeline.corpora.reservations import write
from pipeline.corpora.spec import GeneratedSet

SET = GeneratedSet(
    name="reservations",
    what="telephone calls to a restaurant: what was heard, how it sounded, what is wanted",
    task="track, tag",
    size="2,000 calls, 6 MB",
    licence="Apache-2.0 (generated)",
    citation="none",
    home="pipeline/corpora/reservations",
    options={"rows": 2000, "seed": 0},
    generate=write,
)
