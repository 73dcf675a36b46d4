"""Baselines of a tagging task: answers to each step from that step alone, or from none.

They answer each step for itself (``head: softmax``), whatever the network's head is, and keep to
the scheme of spans where the network has to.  A label of the whole sequence is answered with the
shares that the labels have in the train split.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from components.baselines.judge import judged
from components.baselines.rows import Rows
from models.baselines.majority import TokenLabels, label_frequencies
from models.features.per_step import is_per_step
from models.options import LABEL, FeatureOptions, TaskOptions
from models.tasks.tag.graph import SEQUENCE_LABEL


def softmax_rows(rows: Rows) -> Rows:
    """The same rows, with a task that answers each step for itself."""
    alone = copy.copy(rows)
    alone.task = rows.task.model_copy(update={"head": "softmax"})
    return alone


def majority(rows: Rows) -> dict[str, float]:
    """Metrics of answering each step with the shares of the labels; and how many these are."""
    names = rows.learnt.vocabulary(LABEL)
    shares = label_frequencies([label for row in rows.train.labels for label in row], names)
    return _judged(rows, [np.tile(shares, (len(row), 1)) for row in rows.test.labels])


def token_labels(rows: Rows) -> tuple[dict[str, float], int]:
    """Metrics of answering each token with the shares of its own labels, and how many there are."""
    name, tokens_of = str(rows.task.steps_of), tokens_reader(rows.features, rows.task)
    assert tokens_of is not None, "asked for where the steps are tokens"
    train = [tokens_of(value) for value in rows.train.columns[name]]
    model = TokenLabels(train, rows.train.labels, rows.learnt.vocabulary(LABEL))
    scores = [model.scores(tokens_of(value)) for value in rows.test.columns[name]]
    return _judged(rows, scores), model.parameters


def tokens_reader(
    features: Mapping[str, FeatureOptions], task: TaskOptions
) -> Callable[[Any], list[str]] | None:
    """How the labelled sequence is read as tokens, if it is one of strings; a text is one token."""
    options = features[str(task.steps_of)]
    if options.raw.dtype != "string":
        return None
    if is_per_step(options):
        return lambda value: [step if isinstance(step, str) else " ".join(step) for step in value]
    return lambda value: options.tokens_of(value) or list(value)


def _judged(rows: Rows, scores: Sequence[np.ndarray]) -> dict[str, float]:
    column = rows.task.sequence_label
    answers: Sequence[Any] = scores
    if column:
        names = rows.learnt.vocabulary(SEQUENCE_LABEL)
        shares = label_frequencies(rows.train.targets[column], names)
        answers = [{LABEL: answer, SEQUENCE_LABEL: shares} for answer in scores]
    return judged(rows.task, rows.label_names, rows.test.targets, answers)
