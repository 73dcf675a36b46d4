"""One set of subword units for source and target (Sennrich, Haddow and Birch 2016,
https://arxiv.org/abs/1508.07909, "joint BPE"): what both languages write alike is cut alike.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from models.features.analyzers import Analyzers, Tokens
from models.features.text import Options as TextOptions
from models.features.text.graph import tokenize
from models.options import LABEL


class SharedUnits:
    """Analyzers of which source and target learn their units from the words of both.

    Args:
        inner: what learns.
        source: the feature's name.
        words: of both, string ``[words]``, with how often each occurs in a batch, int64.
    """

    def __init__(self, inner: Analyzers, source: str, words: tuple[tf.Tensor, tf.Tensor]) -> None:
        self._inner = inner
        self._names = (source, LABEL)
        self._words = words

    def vocabulary(
        self, tokens: Tokens, name: str, top_k: int | None, further: Sequence[str] = ()
    ) -> Tokens:
        """As the inner one's."""
        return self._inner.vocabulary(tokens, name, top_k, further)

    def standardise(self, values: tf.Tensor, name: str) -> tf.Tensor:
        """As the inner one's."""
        return self._inner.standardise(values, name)

    def rescale(self, values: tf.Tensor, name: str) -> tf.Tensor:
        """As the inner one's."""
        return self._inner.rescale(values, name)

    def subwords(
        self, words: tf.Tensor, counts: tf.Tensor, pieces: tf.Tensor, name: str, size: int
    ) -> tf.Tensor:
        """The same units under both names, since the same words give the same units."""
        if name in self._names:
            words, counts = self._words
        return self._inner.subwords(words, counts, pieces, name, size)

    def keep_lengths(self, lengths: tf.Tensor, name: str) -> None:
        """As the inner one's."""
        self._inner.keep_lengths(lengths, name)


def shared_units(
    inner: Analyzers, source: str, cut: TextOptions, target: str, raw: Mapping[str, Any]
) -> SharedUnits:
    """Analyzers that learn from the texts of both sides.

    Args:
        inner: what learns.
        source: the feature that is read.
        cut: how both are cut.
        target: column of the text that is written.
        raw: string ``[batch]`` by name.
    """
    tokens = [tokenize(cut, raw[name]).values for name in (source, target)]
    words, _, counts = tf.unique_with_counts(tf.concat(tokens, axis=0), tf.int64)
    return SharedUnits(inner, source, (words, counts))
