"""The adding problem."""

from pipeline.corpora.spec import GeneratedSet
from pipeline.corpora.synthetic import write_adding

SET = GeneratedSet(
    name="adding",
    what="numbers of which two are marked, and the sum of these",
    task="classify (forecast)",
    size="4,000 rows of up to 50 steps, 2.4 MB",
    licence="Apache-2.0 (generated)",
    citation="Hochreiter & Schmidhuber 1997, Long Short-Term Memory, Neural Computation 9(8)",
    home="pipeline/corpora/synthetic.py",
    options={"rows": 4000, "length": 50, "seed": 0},
    generate=write_adding,
)
