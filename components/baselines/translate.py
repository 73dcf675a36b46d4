"""Baselines of translations: the nearest source, and a network without attention.

The nearest source is a translation memory: of the train split's sources the one whose words and
pairs of words are most alike (TF-IDF, cosine), and its text as it stands there.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from components.baselines.rows import Rows, Split
from components.baselines.written import Judged, judged_outputs_of
from models.baselines.encoders import WORDY, NothingToRead
from models.options import FeatureOptions, TaskOptions
from models.raw import length_name
from models.tasks.translate import Options


def source_words(
    features: Mapping[str, FeatureOptions], task: TaskOptions
) -> Callable[[Any], list[str]] | None:
    """How the source is read as words; None if it has none."""
    assert isinstance(task, Options) and task.source is not None
    options = features[task.source]
    if options.kind not in WORDY or getattr(options, "per_step", False):
        return None
    return lambda value: options.tokens_of(value) or []


def nearest(rows: Rows) -> Judged:
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

    return judged_outputs_of(rows, outputs)


def without_attention(task: TaskOptions) -> TaskOptions:
    """The same translation, by one vector for the whole source."""
    return task.model_copy(update={"attention": "none", "copy_unknown": False, "words": None})


def _words_and_pairs(words: list[str]) -> list[str]:
    return words + [f"{one} {other}" for one, other in pairwise(words)]
