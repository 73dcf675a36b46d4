"""What a thermostat does at each step."""

from pipeline.corpora.spec import GeneratedSet
from pipeline.corpora.synthetic import write_thermostat

SET = GeneratedSet(
    name="thermostat",
    what="temperatures measured and wanted, each with what a controller does",
    task="tag",
    size="1,000 rows of up to 60 steps, 1.2 MB",
    licence="Apache-2.0 (generated)",
    citation="none",
    home="pipeline/corpora/synthetic.py",
    options={"rows": 1000, "length": 60, "seed": 0},
    generate=write_thermostat,
)
