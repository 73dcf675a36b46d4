"""The baselines of tasks that write texts: one text for all, and networks that see less."""

import copy

from components.baselines import translate
from components.baselines.baseline import Baseline, Made, Tell, in_words, plain, trained_with
from components.baselines.rows import Rows
from components.baselines.written import judged_and_tabled, judged_network
from models.baselines.networks import each_step_alone
from models.options import TaskOptions, graph_module
from models.spec import NetworkOptions, TrainingOptions


def of_writing(rows: Rows, network: NetworkOptions, training: TrainingOptions) -> list[Baseline]:
    """The baselines of an experiment whose task is ``caption``, ``transcribe`` or ``translate``.

    Args:
        rows: of the experiment.
        network: what its network was built with.
        training: what its network was trained with.
    """
    task = rows.task
    found = [plain("one text", rows, _one_text)]
    if task.kind == "transcribe":
        alone = each_step_alone(network)
        return [*found, _network("each step alone", rows, task, alone, training)]
    if task.kind == "translate" and translate.source_words(rows.features, task) is not None:
        found.append(plain("nearest source", rows, _nearest))
    blind = translate.without_attention(task) if task.kind == "translate" else _blind(task)
    # Where the experiment's own network is this one, it stands in the table already.
    if blind != task:
        found.append(_network("without attention", rows, blind, network, training))
    return found


def _blind(task: TaskOptions) -> TaskOptions:
    """A captioning whose decoder is told of the picture by one vector."""
    return task.model_copy(update={"attention": "none"}) if task.looks else task


def _one_text(rows: Rows, tell: Tell) -> Made:
    """The task's trivial baseline."""
    task = rows.task
    graph = graph_module("tasks", task.kind)
    baseline = graph.baseline(task, rows.training_data.labels(), rows.learnt)
    found = judged_and_tabled(rows, lambda asked: graph.baseline_scores(task, baseline, asked))
    return Made(found.metrics, None, found.table)


def _nearest(rows: Rows, tell: Tell) -> Made:
    found = translate.nearest(rows)
    return Made(found.metrics, None, found.table)


def _network(
    name: str,
    rows: Rows,
    task: TaskOptions,
    network: NetworkOptions,
    training: TrainingOptions,
) -> Baseline:
    """A network that writes its answers to the rows, for a task of less than theirs."""

    def make(folder: str, tell: Tell) -> Made:
        other = copy.copy(rows)
        other.task = task
        found, model = judged_network(
            other, network, training, folder, lambda event: tell(in_words(event))
        )
        return Made(found.metrics, model.count_params(), found.table)

    return Baseline(name, trained_with(network, training), make)
