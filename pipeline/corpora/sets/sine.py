"""Noisy sine waves."""

from pipeline.corpora.spec import GeneratedSet
from pipeline.corpora.synthetic import write_sine

SET = GeneratedSet(
    name="sine",
    what="noisy sine waves with their period, as rows and as a table of hourly readings",
    task="classify, forecast",
    size="800 series of 96 steps, 4.3 MB",
    licence="Apache-2.0 (generated)",
    citation="none",
    home="pipeline/corpora/synthetic.py",
    options={"rows": 800, "length": 96, "seed": 0},
    generate=write_sine,
)
