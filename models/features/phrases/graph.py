"""The graph of a phrases feature: words by their hashes, and so without a vocabulary.

A word keeps an identity of its own even where the train split lacks it, so that what knows a word
beforehand (the names of a slot's values) can look for it.  0 pads.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers, Learnt
from models.features.phrases import Options
from models.features.sequences import sequence_inputs, with_a_step
from models.layers import sequence as layers
from models.layers.hashed import HashedBag, InPhrases

HASHES = 2**31 - 2
"""Hashes of words, from 1; of 10,000 words two share one by a chance of about 1 in 40."""
BUCKETS = 4096
"""Embeddings that the words share, by their hashes."""


def words_of(text: tf.Tensor, lower: bool) -> tf.RaggedTensor:
    """Hashes of the words of texts, string ``[n]`` to int64 ``[n, (words)]``.

    What is neither letter, digit nor apostrophe separates: ``area=north`` is two words.
    """
    text = tf.strings.lower(text, encoding="utf-8") if lower else text
    text = tf.strings.regex_replace(text, "\N{RIGHT SINGLE QUOTATION MARK}", "'")
    words = tf.strings.split(tf.strings.regex_replace(text, r"[^\p{L}\p{N}\p{M}']", " "))
    return words.with_values(tf.strings.to_hash_bucket_fast(words.values, HASHES) + 1)


def hashes(names: Sequence[str], lower: bool = True) -> list[list[int]]:
    """Hashes of the words of some names, as ``preprocess`` gives those of phrases."""
    return words_of(tf.constant(list(names), tf.string), lower).to_list()


def preprocess(
    options: Options, name: str, raw: tf.RaggedTensor, analyzers: Analyzers
) -> dict[str, tf.RaggedTensor]:
    """Raw phrases to hashes of their words.

    Args:
        options: the feature's options.
        name: the feature's name.
        raw: string ``[batch, (steps), (phrases)]``.
        analyzers: not used: nothing is learnt.

    Returns:
        ``{name: int64 [batch, (steps), count * words]}``, phrase after phrase, padded with 0;
        each row with at least one step.
    """
    width = options.count * options.words
    if options.missing is not None:
        raw = with_a_step(raw, tf.ragged.constant(options.missing, row_splits_dtype=tf.int64))
    phrases = raw.values
    words = words_of(phrases.values, options.lower)
    padded = words.to_tensor(shape=[None, options.words])
    steps = phrases.with_values(padded).to_tensor(shape=[None, options.count, options.words])
    filler = tf.zeros([1, width], tf.int64)
    return {name: with_a_step(raw.with_values(tf.reshape(steps, [-1, width])), filler)}


def keras_inputs(options: Options, name: str) -> dict[str, keras.KerasTensor]:
    """The network's inputs: hashes int32 ``[batch, steps, count * words]``, and lengths."""
    return sequence_inputs(name, "int32", (options.count * options.words,))


def encode(
    options: Options,
    name: str,
    inputs: dict[str, keras.KerasTensor],
    learnt: Learnt,
    embedding_size: int,
) -> layers.Sequence:
    """Each step as the mean of its words' vectors, ``[batch, steps, embedding_size]``."""
    words = InPhrases(options.count, name=f"{name}.phrases")(inputs[name])
    bag = HashedBag(BUCKETS, embedding_size, mean=True, name=f"{name}.embedding")
    return layers.Sequence(bag(words), inputs[f"{name}_length"])
