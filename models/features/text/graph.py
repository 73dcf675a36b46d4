"""The graph of a text feature: tokens by core TF ops, ids, an embedding.

A text without any token becomes the single unknown id, so that no sequence is empty.  For the ids
see ``models.features.sequences``.
"""

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers
from models.features.cleaning import MARKS, cleaned, spelt_out
from models.features.sequences import (
    UNKNOWN,
    cut,
    encode_ids,
    known_or_bucket,
    looked_up,
    sequence_inputs,
    with_a_step,
)
from models.features.subwords import pieces_of
from models.features.text import Options

SEPARATOR = "\x1f"
BYTES = [chr(byte) if 32 <= byte < 127 else f"<0x{byte:02X}>" for byte in range(256)]
"""The token of each byte: vocabularies are files of text, which hold no other bytes as they are."""


def tokenize(options: Options, text: tf.Tensor) -> tf.RaggedTensor:
    """Cuts texts to tokens, and longer ones to ``options.max_length`` of them.

    Args:
        options: the feature's options.
        text: string ``[batch]``, UTF-8.

    Returns:
        string ``[batch, (time)]``; a row may be empty.  With ``subwords``, all tokens that are then
        cut to those.
    """
    tokens = _tokens(options, text)
    return tokens if options.subwords else cut(tokens, options.max_length, options.keep)


def _tokens(options: Options, text: tf.Tensor) -> tf.RaggedTensor:
    if options.strip_tags:
        text = tf.strings.regex_replace(text, r"<[^<>]*>", " ")
    text = cleaned(options, text)
    if options.tokens == "bytes":
        found = tf.strings.bytes_split(spelt_out(options, text))
        codes = tf.cast(tf.reshape(tf.io.decode_raw(found.values, tf.uint8), [-1]), tf.int32)
        return found.with_values(tf.gather(tf.constant(BYTES), codes))
    if options.tokens == "characters":
        tokens = tf.strings.unicode_split(text, "UTF-8", errors="replace")
        # A vocabulary is a file with a token a line.
        for end in ("\n", "\r"):
            tokens = tokens.with_values(
                tf.where(tokens.values == end, BYTES[ord(end)], tokens.values)
            )
    elif options.pattern is not None:
        tokens = _found(rf"{options.pattern}|{MARKS}", text)
    else:
        # The functions below know the blanks of ASCII only.
        text = tf.strings.regex_replace(text, r"\p{Z}", " ")
        if options.tokens == "words":
            text = tf.strings.regex_replace(text, "\N{RIGHT SINGLE QUOTATION MARK}", "'")
            text = tf.strings.regex_replace(text, r"([^\p{L}\p{N}\p{M}\s'])", r" \1 ")
        else:
            text = tf.strings.regex_replace(text, f"({MARKS})", r" \1 ")
        tokens = tf.strings.split(text)
    return tokens.with_values(spelt_out(options, tokens.values))


def _found(pattern: str, text: tf.Tensor) -> tf.RaggedTensor:
    """What a pattern finds in each text, string ``[batch, (found)]``."""
    text = tf.strings.regex_replace(text, SEPARATOR, " ")
    marked = tf.strings.regex_replace(text, f"({pattern})", rf"{SEPARATOR}\1{SEPARATOR}")
    parts = tf.strings.split(marked, SEPARATOR)
    # What is between two separators was found: every second part.
    place = tf.ragged.range(parts.row_lengths()).values
    return tf.ragged.boolean_mask(parts, parts.with_values(place % 2 == 1))


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
    tokens = _tokens(options, raw)
    if options.subwords:
        ranks, pieces = pieces_of(tokens, analyzers, name, options.vocabulary)
        ids = ranks.with_values(known_or_bucket(options, ranks.values, pieces))
        analyzers.keep_lengths(ids.row_lengths(), name)
        ids = cut(ids, options.max_length, options.keep)
    else:
        analyzers.keep_lengths(tokens.row_lengths(), name)
        tokens = cut(tokens, options.max_length, options.keep)
        ids = looked_up(options, name, tokens, analyzers)
    return {name: with_a_step(ids, tf.constant([UNKNOWN], tf.int64))}


def keras_inputs(options: Options, name: str) -> dict[str, keras.KerasTensor]:
    """The network's inputs: ids ``[batch, time]`` and lengths ``[batch]``, both int32."""
    return sequence_inputs(name, "int32")


encode = encode_ids
