"""What features learn from the data, handed in so that no feature depends on what learns it.

In the pipeline these are TensorFlow Transform's analyzers over the whole train split; in tests,
plain ones over a small batch.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

Tokens = tf.Tensor | tf.RaggedTensor


class Analyzers(Protocol):
    """Learns from the train split and applies what was learnt."""

    def vocabulary(
        self, tokens: Tokens, name: str, top_k: int | None, further: Sequence[str] = ()
    ) -> Tokens:
        """Learns the ``top_k`` most frequent strings and looks them up.

        Args:
            tokens: string, any shape, dense or ragged.
            name: under which the vocabulary is kept.
            top_k: how many; all of them if None.
            further: strings known without the data, each once: those that were not learnt have the
                ranks behind those that were, in their order.  They are not kept.

        Returns:
            int64 in the shape of ``tokens``: the rank from 0, or -1 outside of both.
        """

    def standardise(self, values: tf.Tensor, name: str) -> tf.Tensor:
        """Scales to mean 0 and deviation 1 over the train split; a constant becomes 0.

        Args:
            values: float32 ``[rows]``, or ``[rows, depth]`` to scale each column by itself.  NaN
                does not count, and stays NaN.
            name: under which the moments are kept.
        """

    def rescale(self, values: tf.Tensor, name: str) -> tf.Tensor:
        """Scales so that the train split reaches from 0 to 1; a constant becomes 0.

        Args:
            values: float32 ``[rows]``, or ``[rows, depth]`` to scale each column by itself.  NaN
                does not count, and stays NaN.
            name: under which the extremes are kept.
        """

    def subwords(
        self, words: tf.Tensor, counts: tf.Tensor, pieces: tf.Tensor, name: str, size: int
    ) -> tf.Tensor:
        """Learns subword units, see ``models.features.subword_units``, and looks pieces up.

        Args:
            words: string ``[words]``, of a batch.
            counts: how often the batch has each, int64 ``[words]``.
            pieces: string, any shape.
            name: under which the units are kept, as a vocabulary.
            size: how many.

        Returns:
            int64 in the shape of ``pieces``: the rank from 0, or -1 if it is no unit.
        """

    def keep_lengths(self, lengths: tf.Tensor, name: str) -> None:
        """Keeps how often each length occurs in the train split, before anything is cut.

        Args:
            lengths: int64 ``[rows]``.
            name: the feature's.
        """


class Learnt(Protocol):
    """What the analyzers left behind, read when the network is built."""

    def vocabulary_size(self, name: str) -> int:
        """Number of entries of the vocabulary kept under ``name``."""

    def vocabulary(self, name: str) -> list[str]:
        """Entries of the vocabulary kept under ``name``, by rank."""

    def vectors(self, name: str) -> np.ndarray:
        """Pretrained vectors by id, float32 ``[vocabulary + 2, size]``.

        Asked for only where the feature ``name`` has ``vectors``.
        """


def ranked(
    tokens: Tokens, lookup: Callable[[tf.Tensor], tf.Tensor], size: Any, further: Sequence[str]
) -> Tokens:
    """Ranks in a vocabulary that was learnt, and behind it; see ``Analyzers.vocabulary``.

    Args:
        tokens: string, any shape, dense or ragged.
        lookup: gives strings of any shape their ranks in the vocabulary, int64, or -1.
        size: entries of the vocabulary, an int or an int64 scalar.
        further: strings known without the data; one at least.
    """
    known = tf.constant(list(further), tf.string)
    lacking = tf.cast(lookup(known) < 0, tf.int64)
    behind = lacking * (size + tf.cumsum(lacking)) - 1

    def place(tokens: tf.Tensor) -> tf.Tensor:
        same = tf.equal(tokens[..., None], known)
        stated = tf.reduce_max(tf.where(same, behind, tf.constant(-1, tf.int64)), axis=-1)
        return tf.maximum(lookup(tokens), stated)

    return tf.ragged.map_flat_values(place, tokens)
