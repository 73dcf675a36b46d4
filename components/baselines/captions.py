"""Baselines of a captioning task: one text for all, and the same network without attention."""

import copy

from components.baselines.judge import judged_trivial
from components.baselines.rows import Rows
from models.options import graph_module


def most_frequent(rows: Rows) -> dict[str, float]:
    """Metrics of writing the most frequent text of the train split for every row."""
    graph = graph_module("tasks", rows.task.kind)
    baseline = graph.baseline(rows.task, rows.training_data.labels(), rows.learnt)
    return judged_trivial(rows.task, rows.label_names, rows.test.targets, baseline)


def blind(rows: Rows) -> Rows:
    """The same rows, with a task whose decoder is told of the picture by one vector."""
    alone = copy.copy(rows)
    alone.task = rows.task.model_copy(update={"attention": "none"})
    return alone
