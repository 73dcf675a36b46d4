"""A plain stand-in for Transform's analyzers; it needs TensorFlow, which not every test has."""

from collections.abc import Sequence

import tensorflow as tf

from models.features.analyzers import ranked


class PlainAnalyzers(tf.Module):
    """Looks strings up in given vocabularies; trackable, so that an export can hold it."""

    def __init__(self, vocabularies: dict[str, list[str]]) -> None:
        super().__init__()
        self.kept: dict[str, tf.Tensor] = {}
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
        self,
        tokens: tf.Tensor | tf.RaggedTensor,
        name: str,
        top_k: int | None,
        further: Sequence[str] = (),
    ) -> tf.Tensor | tf.RaggedTensor:
        if further:
            return ranked(tokens, self.tables[name].lookup, self.sizes[name], further)
        ranks = self.tables[name].lookup(tokens)
        # Of flat values: to broadcast ragged tensors takes some hundred ops.
        return ranks if top_k is None else tf.ragged.map_flat_values(_below, ranks, top_k)

    def standardise(self, values: tf.Tensor, name: str) -> tf.Tensor:
        return (values - 10.0) / 4.0

    def rescale(self, values: tf.Tensor, name: str) -> tf.Tensor:
        return (values - 2.0) / 8.0

    def subwords(
        self, words: tf.Tensor, counts: tf.Tensor, pieces: tf.Tensor, name: str, size: int
    ) -> tf.Tensor:
        return self.tables[name].lookup(pieces)

    def keep_lengths(self, lengths: tf.Tensor, name: str) -> None:
        self.kept[name] = lengths


def _below(ranks: tf.Tensor, top_k: int) -> tf.Tensor:
    return tf.where(ranks < top_k, ranks, -tf.ones_like(ranks))
