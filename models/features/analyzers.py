"""What features learn from the data, handed in so that no feature depends on what learns it.

In the pipeline these are TensorFlow Transform's analyzers over the whole train split; in tests,
plain ones over a small batch.
"""

from typing import Protocol

import numpy as np
import tensorflow as tf

Tokens = tf.Tensor | tf.RaggedTensor


class Analyzers(Protocol):
    """Learns from the train split and applies what was learnt."""

    def vocabulary(self, tokens: Tokens, name: str, top_k: int | None) -> Tokens:
        """Learns the ``top_k`` most frequent strings and looks them up.

        Args:
            tokens: string, any shape, dense or ragged.
            name: under which the vocabulary is kept.
            top_k: how many; all of them if None.

        Returns:
            int64 in the shape of ``tokens``: the rank from 0, or -1 outside the vocabulary.
        """

    def standardise(self, values: tf.Tensor, name: str) -> tf.Tensor:
        """Scales to mean 0 and deviation 1 over the train split; a constant becomes 0.

        Args:
            values: float32 ``[rows]``, or ``[rows, depth]`` to scale each column by itself.
            name: under which the moments are kept.
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
