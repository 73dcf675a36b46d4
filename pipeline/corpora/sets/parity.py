"""Parity of the bits so far."""

from pipeline.corpora.spec import GeneratedSet
from pipeline.corpora.synthetic import write_parity

SET = GeneratedSet(
    name="parity",
    what="bits, each with the parity of all so far",
    task="tag, classify",
    size="2,000 rows of up to 40 steps, 0.8 MB",
    licence="Apache-2.0 (generated)",
    citation="none",
    home="pipeline/corpora/synthetic.py",
    options={"rows": 2000, "length": 40, "seed": 0},
    generate=write_parity,
)
