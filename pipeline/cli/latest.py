"""The last run of an experiment that was judged, with its experiment as it was run."""

from pipeline import runs
from pipeline.experiment import Experiment
from pipeline.runs import RunRecord
from pipeline.workspace import Workspace, WorkspaceError, existing


def latest_judged(name: str, home: str) -> tuple[Experiment, Workspace, RunRecord]:
    """Finds the latest run with a verdict.

    Raises:
        WorkspaceError: there is none.
    """
    place = existing(home, name)
    judged = [record for record in runs.read(place) if record.verdict]
    if not judged:
        raise WorkspaceError(
            f"{name}: no run of it came as far as a verdict (`rondo run FILE`, `rondo runs`)"
        )
    return Experiment.model_validate(judged[-1].options), place, judged[-1]
