"""Times an experiment's network in a process of its own, so that this one needs no TensorFlow."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Any

from components.errors import UserError
from models.sent import in_json

TIMING = "pipeline.network_timing"
"""The module that the process runs."""


@dataclass
class Task:
    """What to calibrate.

    Attributes:
        experiment: as JSON, see ``pipeline.experiment``.
        folders: where modules of the user's are, see ``sys.path``.
        rows: ``[values by feature, label]`` of rows of the train split.
        vocabularies: expected size by name.
    """

    experiment: dict[str, Any]
    folders: list[str]
    rows: list[Any]
    vocabularies: dict[str, int]


@dataclass
class Calibration:
    """What was measured.

    Attributes:
        step: seconds of a training step, on average over the rows' lengths.
        validate_row: seconds a row of the validate split takes after an epoch.
        judged_row: seconds of the network's answer to a row, in batches padded to the longest.
        parameters: of the network.
        memory: MiB by which the process grew while it was built and trained.
    """

    step: float
    validate_row: float
    judged_row: float
    parameters: int
    memory: float


class CalibrationError(UserError):
    """The network could not be timed; the message is the last line of what went wrong."""


def calibrate(task: Task) -> Calibration:
    """Runs the calibration in a process of its own, some 20 seconds.

    Raises:
        CalibrationError: it ended with an error.
    """
    done = subprocess.run(
        [sys.executable, "-m", TIMING],
        input=json.dumps(asdict(task), default=in_json),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        reason = lines[-1] if lines else f"exit status {done.returncode}"
        raise CalibrationError(
            f"the network could not be timed: {reason} (`--quick` leaves the prediction out)"
        )
    return Calibration(**json.loads(done.stdout.strip().splitlines()[-1]))
