"""Baselines of translations: one text for all, the nearest source, and a network without attention.

The nearest source is a translation memory: of the train split's sources the one whose words and
pairs of words are most alike (TF-IDF, cosine), and its text as it stands there.
"""

import copy
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from components.baselines.rows import Rows, Split
from components.baselines.train import fitted
from components.baselines.written import (
    Judged,
    answered_by,
    judged_and_tabled,
    judged_outputs_of,
)
from components.progress import Event
from models.baselines.encoders import WORDY, NothingToRead
from models.options import FeatureOptions, TaskOptions, graph_module
from models.raw import length_name
from models.spec import NetworkOptions, TrainingOptions
from models.tasks.translate import Options

Found = tuple[dict[str, float], int | None, dict[str, dict[str, float]] | None]
"""Metrics on the test split, how many parameters there are, and figures by length of the source."""


def one_text(rows: Rows) -> Found:
    """The task's trivial baseline."""
    graph = graph_module("tasks", rows.task.kind)
    baseline = graph.baseline(rows.task, rows.training_data.labels(), rows.learnt)
    judged = judged_and_tabled(
        rows, lambda asked: graph.baseline_scores(rows.task, baseline, asked)
    )
    return _found(judged, sum(part.size for part in baseline.values()))


def source_words(
    features: Mapping[str, FeatureOptions], task: TaskOptions
) -> Callable[[Any], list[str]] | None:
    """How the source is read as words; None if it has none."""
    assert isinstance(task, Options) and task.source is not None
    options = features[task.source]
    if options.kind not in WORDY or getattr(options, "per_step", False):
        return None
    return lambda value: options.tokens_of(value) or []


def nearest(rows: Rows) -> Found:
    """The text of the train split whose source is most like the one that is asked.

    Raises:
        NothingToRead: no source of the train split has a word.
    """
    task = rows.task
    assert isinstance(task, Options) and task.source is not None
    source, words = task.source, source_words(rows.features, task)
    assert words is not None, "asked for where the source has words"
    encoder = TfidfVectorizer(analyzer=lambda value: _words_and_pairs(words(value)))

    def sources(split: Split) -> list[Any]:
        return split.columns[source]

    try:
        known = encoder.fit_transform(sources(rows.train))
    except ValueError as error:
        raise NothingToRead(f"feature {source!r} has no words to compare: {error}") from error
    texts = np.array(rows.train.targets[task.label], object)

    def outputs(place: slice, asked: Any) -> dict[str, Any]:
        alike = encoder.transform(sources(rows.test)[place]) @ known.T
        best = np.asarray(alike.argmax(axis=1)).reshape(-1)
        return {
            "translation": texts[best],
            "source_length": asked.inputs[length_name(source, 1)],
        }

    return _found(judged_outputs_of(rows, outputs), None)


def without_attention(task: TaskOptions) -> TaskOptions:
    """The same translation, by one vector for the whole source."""
    return task.model_copy(update={"attention": "none", "copy_unknown": False, "words": None})


def fixed_vector(
    rows: Rows,
    network: NetworkOptions,
    training: TrainingOptions,
    folder: str,
    tell: Callable[[Event], None],
) -> Found:
    """The experiment's network without attention, trained as it is.

    Raises:
        UserError: the loss is not a finite number.
    """
    alone = copy.copy(rows)
    alone.task = without_attention(rows.task)
    model = fitted(alone, network, training, folder, tell)
    judged = judged_and_tabled(alone, answered_by(alone, model, training))
    return _found(judged, model.count_params())


def _found(judged: Judged, parameters: int | None) -> Found:
    return judged.metrics, parameters, judged.table


def _words_and_pairs(words: list[str]) -> list[str]:
    return words + [f"{one} {other}" for one, other in pairwise(words)]
