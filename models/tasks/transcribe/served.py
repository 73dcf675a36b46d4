"""Texts from the pieces that a search found, and when their words were said."""

from collections.abc import Sequence

import tensorflow as tf

from models.asked import Asked
from models.features.audio import Options as Audio
from models.features.subword_units import CONTINUED
from models.raw import length_name
from models.tasks.transcribe import Options
from models.tasks.transcribe.align import times
from models.tasks.transcribe.beam import Found
from models.writing.text import joined, pieces


def text_of(options: Options, found: Found, names: Sequence[str]) -> tf.Tensor:
    """The texts, string ``[batch, width]``.

    Args:
        options: the task's options.
        found: by the search.
        names: the pieces, by rank.
    """
    return joined(options.target, pieces(found.tokens, names), found.lengths)


def word_times(
    options: Options, scores: tf.Tensor, found: Found, names: Sequence[str], asked: Asked
) -> dict[str, tf.Tensor]:
    """The words of the best text and when each was said.

    Args:
        options: the task's options.
        scores: the network's output.
        found: by the search.
        names: the pieces, by rank.
        asked: the batch.

    Returns:
        see ``models.tasks.transcribe.graph.served_outputs``.
    """
    tokens, lengths = found.tokens[:, 0], found.lengths[:, 0]
    written = pieces(tokens, names)
    aligned = times(scores, tokens, lengths)
    there = tf.sequence_mask(lengths, tf.shape(tokens)[1])
    begins, inside = _words(options, written, there)
    number = tf.cumsum(tf.cast(begins, tf.int32), axis=1) - 1
    count = tf.reduce_max(tf.pad(number + 1, [[0, 0], [0, 1]]), axis=1)
    rows, most = tf.shape(tokens)[0], tf.maximum(tf.reduce_max(tf.pad(count, [[0, 1]])), 1)
    # A segment for each word, and one behind them for what is of none.
    segments = rows * most + 1
    place = tf.where(inside, number + most * tf.range(rows)[:, None], rows * most)
    place = tf.reshape(place, [-1])

    def by_word(reduce, values: tf.Tensor) -> tf.Tensor:
        found = reduce(tf.reshape(values, [-1]), place, segments)[:-1]
        return tf.reshape(found, [rows, most])

    word = tf.range(most) < count[:, None]
    spelt = tf.where(begins, written, tf.strings.regex_replace(written, f"^{CONTINUED}", ""))
    starts = by_word(tf.math.unsorted_segment_min, aligned.starts)
    ends = by_word(tf.math.unsorted_segment_max, aligned.ends)
    score = by_word(tf.math.unsorted_segment_mean, aligned.scores)
    step, frames = _step_of(options), asked.inputs[length_name(str(options.source), 1)]
    ends = tf.minimum(ends * options.stride, frames[:, None])
    return {
        "words": tf.where(word, by_word(tf.strings.unsorted_segment_join, spelt), ""),
        "word_starts": tf.where(word, tf.cast(starts * options.stride, tf.float32) * step, 0.0),
        "word_ends": tf.where(word, tf.cast(ends, tf.float32) * step, 0.0),
        "word_scores": tf.where(word, tf.exp(score), 0.0),
        "word_count": count,
    }


def _words(options: Options, written: tf.Tensor, there: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Which pieces begin a word, and which are of one, boolean ``[batch, pieces]``.

    Args:
        options: the task's options.
        written: the pieces, string.
        there: which of them count.
    """
    if options.target.tokens == "characters":
        inside = there & ~tf.strings.regex_full_match(written, r"\s")
        before = tf.pad(inside, [[0, 0], [1, 0]])[:, :-1]
        return inside & ~before, inside
    if options.target.subwords:
        return there & ~tf.strings.regex_full_match(written, f"{CONTINUED}.+"), there
    return there, there


def _step_of(options: Options) -> float:
    """What a frame is in time: seconds of audio, 1 of a series."""
    audio = options.reads
    return audio.hop_samples / audio.sample_rate if isinstance(audio, Audio) else 1.0
