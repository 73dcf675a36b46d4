"""What Transform would make of some rows, and what it would learn, without a pipeline.

What the pipeline learns with TensorFlow Transform over the whole train split is learnt here from
the rows at hand, and vocabularies are given the size that is expected of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from components.embeddings.vectors import opened, read_head
from models.features import steps
from models.features.analyzers import Analyzers, ranked
from models.features.sequences import raw_tensor
from models.features.strings import first_token
from models.features.subword_units import subword_units
from models.options import FeatureOptions, graph_module
from models.raw import FLOAT32_MAX
from pipeline.experiment import Experiment


def transformed(
    experiment: Experiment, rows: Sequence[Any], learnt: "SampleLearnt"
) -> dict[str, Any]:
    """Transformed features and labels of rows ``(values by feature, targets by name)``, dense or
    ragged.
    """
    task = experiment.task
    graph = graph_module("tasks", task.kind)
    raw = {
        name: raw_tensor(options.raw, [values[name] for values, _ in rows])
        for name, options in experiment.features.items()
    }
    targets = {
        name: raw_tensor(form, [judged[name] for _, judged in rows])
        for name, form in task.targets.items()
    }
    analyzers: Analyzers = learnt
    if hasattr(graph, "learning"):
        analyzers = graph.learning(task, raw | targets, learnt)
    outputs: dict[str, Any] = {}
    for name, options in experiment.features.items():
        outputs |= steps.preprocess(options, name, raw[name], analyzers)
    return outputs | graph.preprocess(task, targets, analyzers)


class SampleLearnt:
    """Analyzers over the rows at hand, which learn vocabularies of the size expected.

    Args:
        sizes: entries that are expected of the vocabularies, by name.
        features: options by feature name.

    Attributes:
        sizes: entries of the vocabularies by name: those learnt here, or more where more are
            expected.
    """

    def __init__(self, sizes: Mapping[str, int], features: Mapping[str, FeatureOptions]):
        self.sizes = dict(sizes)
        self._features = features
        self._entries: dict[str, list[str]] = {}

    def vocabulary(
        self, tokens: Any, name: str, top_k: int | None, further: Sequence[str] = ()
    ) -> Any:
        """Looks tokens up in a vocabulary of their own, the most frequent first."""
        flat = tokens.flat_values if isinstance(tokens, tf.RaggedTensor) else tokens
        entries = Counter(tf.reshape(flat, [-1]).numpy()).most_common(top_k)
        return self._looked_up([token for token, _ in entries], tokens, name, further)

    def _looked_up(
        self,
        entries: Sequence[bytes | str],
        tokens: Any,
        name: str,
        further: Sequence[str] = (),
    ) -> Any:
        self.sizes[name] = max(len(entries), self.sizes.get(name, 0))
        self._entries[name] = [
            entry if isinstance(entry, str) else entry.decode("utf-8", "replace")
            for entry in entries
        ]
        table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(entries, tf.string), tf.range(len(entries), dtype=tf.int64)
            ),
            default_value=-1,
        )
        if further:
            return ranked(tokens, table.lookup, self.sizes[name], further)
        return tf.ragged.map_flat_values(table.lookup, tokens)

    def standardise(self, values: Any, name: str) -> Any:
        """Scales to mean 0 and deviation 1."""
        known = tf.cast(tf.math.is_finite(values), tf.float32)
        there = tf.where(known > 0, values, 0.0)
        count = tf.maximum(tf.reduce_sum(known, 0), 1.0)
        mean = tf.reduce_sum(there, 0) / count
        variance = tf.reduce_sum(known * (there - mean) ** 2, 0) / count
        return (values - mean) / tf.sqrt(tf.maximum(variance, 1e-12))

    def rescale(self, values: Any, name: str) -> Any:
        """Scales to reach from 0 to 1."""
        known = tf.math.is_finite(values)
        low = tf.reduce_min(tf.where(known, values, FLOAT32_MAX), 0)
        high = tf.reduce_max(tf.where(known, values, -FLOAT32_MAX), 0)
        return (values - low) / tf.maximum(high - low, 1e-12)

    def subwords(self, words: Any, counts: Any, pieces: Any, name: str, size: int) -> Any:
        """Learns units from the rows at hand and looks pieces up."""
        texts = [word.decode("utf-8", "replace") for word in words.numpy()]
        units = subword_units(dict(zip(texts, counts.numpy().tolist(), strict=True)), size)
        return self._looked_up(units, pieces, name)

    def keep_lengths(self, lengths: Any, name: str) -> None:
        """Keeps nothing: the sample that the rows are from has their lengths."""

    @property
    def learnt(self) -> "Expected":
        """What the network is built with."""
        return Expected(self.sizes, self._entries, self._features)


class Expected:
    """What the network is built with: vocabularies of the size that is expected of them.

    Args:
        sizes: entries by name.
        entries: those known, by name; the others are given a number for a name.
        features: options by feature name.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        entries: Mapping[str, Sequence[str]],
        features: Mapping[str, FeatureOptions],
    ):
        self._sizes, self._entries, self._features = sizes, entries, features

    def vocabulary_size(self, name: str) -> int:
        """Entries that are expected of the vocabulary."""
        return self._sizes[name]

    def vocabulary(self, name: str) -> list[str]:
        """Entries of the vocabulary, by rank."""
        known = list(self._entries.get(name, ()))
        return known + [f"entry {place}" for place in range(len(known), self._sizes[name])]

    def vectors(self, name: str) -> np.ndarray:
        """Zeros in place of the file's vectors."""
        return placeholder_vectors(self._features[name], self._sizes[name])


def placeholder_vectors(options: FeatureOptions, vocabulary_size: int) -> np.ndarray:
    """Zeros as many and as wide as a feature's pretrained vectors, which cost what those cost."""
    path = options.vectors.file
    with opened(path) as stream:
        size = read_head(stream, path).size
    return np.zeros((vocabulary_size + first_token(options), size), np.float32)
