"""The baselines of a task whose answers are sets of labels, of rows or of steps."""

import numpy as np

from components.baselines.judge import judged, judged_trivial
from components.baselines.rows import Rows
from models.baselines.logistic import tfidf_regression_a_label
from models.options import TaskOptions, graph_module
from models.tasks.classify import SEPARATOR, Options


def answers_sets(task: TaskOptions) -> bool:
    """Whether a row, or a step, is answered with any number of labels."""
    return isinstance(task, Options) and task.answer == "multi"


def one_set(rows: Rows) -> tuple[dict[str, float], int]:
    """The task's trivial baseline, one and the same set everywhere.

    Returns:
        its metrics on the test split, and how many numbers it has.
    """
    graph = graph_module("tasks", rows.task.kind)
    baseline = graph.baseline(rows.task, rows.training_data.labels(), rows.learnt)
    metrics = judged_trivial(rows.task, rows.label_names, rows.test.targets, baseline)
    return metrics, len(rows.label_names)


def regression_a_label(rows: Rows) -> tuple[dict[str, float], int | None]:
    """TF-IDF and a logistic regression for each label; see ``one_set``."""
    sets = [frozenset(text.split(SEPARATOR)) for text in rows.train.labels]
    names = rows.label_names
    answers = tfidf_regression_a_label(
        rows.features, rows.train.columns, sets, rows.test.columns, names
    )
    scores = list(np.asarray(answers.scores))
    return judged(rows.task, names, rows.test.targets, scores), answers.parameters
