"""Whether an experiment can be compared with baselines; imports no TensorFlow."""

from components.baselines import TASKS
from pipeline.experiment import Experiment
from pipeline.workspace import WorkspaceError


def described(experiment: Experiment) -> str:
    """The task and the kinds of the features, for messages."""
    kinds = sorted({options.kind for options in experiment.features.values()})
    return f"task {experiment.task.kind} with features of kind {', '.join(kinds)}"


def check_comparable(experiment: Experiment) -> None:
    """Looks whether there is anything to compare the experiment with, before it is run.

    Raises:
        WorkspaceError: its task has no baselines.
    """
    if experiment.task.kind not in TASKS:
        raise WorkspaceError(
            f"{experiment.name}: baselines are made for the tasks {', '.join(TASKS)}; this is "
            f"{described(experiment)} (`rondo run` compares it with its task's trivial baseline)"
        )
