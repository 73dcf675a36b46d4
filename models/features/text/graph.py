"""The graph of a text feature: tokens by core TF ops, ids, an embedding.

Ids: 0 pads, 1 is every token outside the vocabulary, 2 and up are the vocabulary by falling
frequency.  A text without any token becomes the single id 1, so that no sequence is empty.
"""

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers
from models.features.sequences import (
    FIRST_TOKEN,
    UNKNOWN,
    encode_ids,
    sequence_inputs,
    with_a_step,
)
from models.features.text import Options


def tokenize(options: Options, text: tf.Tensor) -> tf.RaggedTensor:
    """Cuts texts to tokens.

    Args:
        options: the feature's options.
        text: string ``[batch]``, UTF-8.

    Returns:
        string ``[batch, (time)]``, at most ``options.max_length`` tokens a row; a row may be empty.
    """
    if options.strip_tags:
        text = tf.strings.regex_replace(text, r"<[^<>]*>", " ")
    if options.lower:
        text = tf.strings.lower(text, encoding="utf-8")
    if options.tokens == "characters":
        tokens = tf.strings.unicode_split(text, "UTF-8", errors="replace")
    else:
        # The functions below know the blanks of ASCII only.
        text = tf.strings.regex_replace(text, r"\p{Z}", " ")
        if options.tokens == "words":
            text = tf.strings.regex_replace(text, "\N{RIGHT SINGLE QUOTATION MARK}", "'")
            text = tf.strings.regex_replace(text, r"([^\p{L}\p{N}\p{M}\s'])", r" \1 ")
        tokens = tf.strings.split(text)
    kept = slice(None, options.max_length)
    return tokens[:, kept] if options.keep == "start" else tokens[:, -options.max_length :]


def preprocess(
    options: Options, name: str, raw: tf.Tensor, analyzers: Analyzers
) -> dict[str, tf.RaggedTensor]:
    """Raw texts to ids.

    Args:
        options: the feature's options.
        name: the feature's name.
        raw: string ``[batch]``.
        analyzers: what learns the vocabulary from the train split.

    Returns:
        ``{name: int64 [batch, (time)]}``, each row with at least one id.
    """
    if options.missing is not None:
        raw = tf.where(raw == "", options.missing, raw)
    tokens = tokenize(options, raw)
    ids = analyzers.vocabulary(tokens, name, top_k=options.vocabulary) + FIRST_TOKEN
    return {name: with_a_step(ids, tf.constant([UNKNOWN], tf.int64))}


def keras_inputs(options: Options, name: str) -> dict[str, keras.KerasTensor]:
    """The network's inputs: ids ``[batch, time]`` and lengths ``[batch]``, both int32."""
    return sequence_inputs(name, "int32")


encode = encode_ids
