"""What the runner files read when TFX's own command line runs them, which passes no arguments."""

import os

from components.errors import UserError
from pipeline.cli.common import add_import_folders
from pipeline.experiment import Experiment, load

EXPERIMENT = "RONDO_EXPERIMENT"
ROOT = "RONDO_ROOT"
IMAGE = "RONDO_IMAGE"


def named_experiment() -> tuple[str, Experiment]:
    """The file that ``RONDO_EXPERIMENT`` names, and the experiment in it.

    Raises:
        UserError: the variable is not set.
        ExperimentError: the file cannot be read or has mistakes.
    """
    file = os.environ.get(EXPERIMENT)
    if not file:
        raise UserError(
            f"{EXPERIMENT} is not set; TFX's command line hands no arguments on, so the experiment "
            f"file is named there: {EXPERIMENT}=experiments/docstrings.yaml tfx ..."
        )
    add_import_folders(file)
    return file, load(file)
