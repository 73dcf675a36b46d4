"""Plain stand-ins for what Transform learns: vocabularies are given, nothing is analysed."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf


class PlainLearnt:
    """Vocabularies and pretrained vectors by name, as the network reads them."""

    def __init__(
        self,
        vocabularies: dict[str, list[str]],
        vectors: dict[str, np.ndarray] | None = None,
    ) -> None:
        self._vocabularies = vocabularies
        self._vectors = vectors or {}

    def vectors(self, name: str) -> np.ndarray:
        return self._vectors[name]

    def vocabulary_size(self, name: str) -> int:
        return len(self._vocabularies[name])

    def vocabulary(self, name: str) -> list[str]:
        return self._vocabularies[name]


class PlainAnalyzers(tf.Module):
    """Looks strings up in given vocabularies; trackable, so that an export can hold it."""

    def __init__(self, vocabularies: dict[str, list[str]]) -> None:
        super().__init__()
        self.sizes = {name: len(words) for name, words in vocabularies.items()}
        self.tables = {
            name: tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(
                    tf.constant(words, tf.string), tf.range(len(words), dtype=tf.int64)
                ),
                default_value=-1,
            )
            for name, words in vocabularies.items()
        }

    def vocabulary(
        self, tokens: tf.Tensor | tf.RaggedTensor, name: str, top_k: int | None
    ) -> tf.Tensor | tf.RaggedTensor:
        ranks = self.tables[name].lookup(tokens)
        return ranks if top_k is None else tf.where(ranks < top_k, ranks, -tf.ones_like(ranks))

    def standardise(self, values: tf.Tensor, name: str) -> tf.Tensor:
        return (values - 10.0) / 4.0


@pytest.fixture(scope="session")
def plain_learnt() -> Callable[[dict[str, list[str]]], PlainLearnt]:
    return PlainLearnt


@pytest.fixture(scope="session")
def plain_analyzers() -> Callable[[dict[str, list[str]]], PlainAnalyzers]:
    return PlainAnalyzers
