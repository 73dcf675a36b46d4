"""Cleans strings in the graph: Unicode normalisation, redaction, case."""

import tensorflow as tf

from models.features.normalise import normalised
from models.features.strings import RedactedOptions, StringOptions

FIRST_MARK = 0xE000
"""Code points for private use, from here on: each stands for what one redaction has taken out."""
MARKS = r"[\x{E000}-\x{E0FF}]"


def cleaned(options: StringOptions, text: tf.Tensor) -> tf.Tensor:
    """Normalised, redacted strings in lower case, as far as the options say.

    Args:
        options: of the feature.
        text: string ``[n]``.

    Returns:
        string ``[n]``; what was redacted is one code point, see ``spelt_out``.
    """
    if options.normalise != "none":
        text = normalised(text, options.normalise)
    if isinstance(options, RedactedOptions) and options.redactions:
        text = tf.strings.regex_replace(text, MARKS, "\N{REPLACEMENT CHARACTER}")
        for index, (_, pattern, replacement) in enumerate(options.redactions):
            mark = replacement.replace(r"\0", chr(FIRST_MARK + index))
            text = tf.strings.regex_replace(text, pattern, mark)
    return tf.strings.lower(text, encoding="utf-8") if options.lower else text


def spelt_out(options: StringOptions, text: tf.Tensor) -> tf.Tensor:
    """Strings with ``<name>`` for the code point of each redaction."""
    if isinstance(options, RedactedOptions):
        for index, redaction in enumerate(options.redactions):
            mark = chr(FIRST_MARK + index)
            text = tf.strings.regex_replace(text, mark, f"<{redaction.name}>")
    return text
