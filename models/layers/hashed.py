"""Layers over words that are given by their hashes: int32, 0 where there is no word."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rondo")
class InPhrases(keras.layers.Layer):
    """Cuts the words of each step to its phrases.

    Call arguments: ``[batch, steps, phrases * words]``.
    Returns: ``[batch, steps, phrases, words]``.

    Args:
        phrases: at each step.
        **kwargs: of ``keras.layers.Layer``.
    """

    def __init__(self, phrases: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phrases = phrases

    def call(self, words):
        shape = ops.shape(words)
        each = words.shape[-1] // self.phrases
        return ops.reshape(words, (shape[0], shape[1], self.phrases, each))

    def compute_output_shape(self, words_shape):
        return (*words_shape[:2], self.phrases, words_shape[2] // self.phrases)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "phrases": self.phrases}


@keras.saving.register_keras_serializable(package="rondo")
class HashedBag(keras.layers.Layer):
    """The weighed sum of the vectors of a step's words, and perhaps of its pairs of words.

    Vectors begin at zero, so that a word that training never met says nothing.

    Call arguments: words int32 ``[batch, steps, phrases, words]``; ``weights`` ``[batch, steps,
    phrases]``, each 1 if left out.
    Returns: ``[batch, steps, units]``; twice as wide with ``first``.

    Args:
        buckets: vectors, which words share by their hashes.
        units: width of a vector.
        pairs: also has vectors for words that follow one another.
        first: puts the sum over the first phrase alone beside it, not weighed.
        mean: divides by the weights of the words.
        **kwargs: of ``keras.layers.Layer``.
    """

    def __init__(
        self,
        buckets: int,
        units: int,
        pairs: bool = False,
        first: bool = False,
        mean: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.options = {
            "buckets": buckets, "units": units, "pairs": pairs, "first": first, "mean": mean
        }  # fmt: skip
        self.vectors = keras.layers.Embedding(buckets, units, "zeros", name="vectors")
        self.pair_vectors = None
        if pairs:
            self.pair_vectors = keras.layers.Embedding(buckets, units, "zeros", name="pair_vectors")

    def build(self, words_shape, weights_shape=None):
        self.vectors.build(words_shape)
        if self.pair_vectors is not None:
            self.pair_vectors.build(words_shape)
        self.built = True

    def call(self, words, weights=None):
        buckets = self.options["buckets"]
        vectors = self.vectors(ops.mod(words, buckets))
        if self.pair_vectors is not None:
            vectors = vectors + self.pair_vectors(pair_buckets(words, buckets))
        there = ops.cast(words > 0, vectors.dtype)
        weighed = there
        if weights is not None:
            weighed = there * ops.cast(weights, vectors.dtype)[..., None]
        bag = _sum(vectors, weighed, self.options["mean"])
        if not self.options["first"]:
            return bag
        first = _sum(vectors[:, :, :1], there[:, :, :1], self.options["mean"])
        return ops.concatenate([bag, first], axis=-1)

    def compute_output_shape(self, words_shape, weights_shape=None):
        return (*words_shape[:2], self.options["units"] * (2 if self.options["first"] else 1))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.options}


def _sum(vectors, weights, mean: bool):
    total = ops.einsum("btpw,btpwu->btu", weights, vectors)
    if not mean:
        return total
    return total / ops.maximum(ops.sum(weights, axis=(2, 3)), 1e-6)[..., None]


def shifted(words, places: int):
    """Words so many places further on ``[..., words]``: below 0 those before; 0 at the ends."""
    around = [(0, 0)] * (len(words.shape) - 1)
    width = words.shape[-1]
    if places >= 0:
        return ops.pad(words, [*around, (0, places)])[..., places : places + width]
    return ops.pad(words, [*around, (-places, 0)])[..., :width]


def pair_buckets(words, buckets: int):
    """A bucket for each word with the one behind it, in the shape of ``words``."""
    # Of numbers below 2 ** 20, so that their products stay within int32.
    first, second = ops.mod(words, 2**20), ops.mod(shifted(words, 1), 2**20)
    return ops.mod(first * 31 + second * 17 + 7, buckets)
