"""What a client gets: labels, spans with their words, and the sequence's own label."""

from collections.abc import Sequence

import tensorflow as tf
from keras import ops

from models.asked import Asked
from models.tasks.tag import Options
from models.tasks.tag.decoding import Decided
from models.tasks.tag.spans import edges, marks_of


def spans(
    options: Options, answer: Decided, labels: Sequence[str], lengths: tf.Tensor, asked: Asked
) -> dict[str, tf.Tensor]:
    """The spans of a batch.

    Args:
        options: of the task.
        answer: to each step.
        labels: the label names.
        lengths: steps of each row, int32 ``[batch]``.
        asked: the batch.

    Returns:
        ``span_types`` string, ``span_starts`` int32 (the first step, from 0), ``span_ends`` int32
        (one beyond the last), ``span_scores`` float32 (the probability that the steps have these
        labels), and ``span_texts`` string where the steps are strings (joined by blanks), each
        ``[batch, time]``, right-padded with ``""`` and 0; ``span_count`` int32 ``[batch]``.
    """
    width = tf.shape(answer.labels)[1]
    mask = tf.sequence_mask(lengths, width)
    marks = marks_of(labels)
    inside, begins, closes, types = (tf.gather(mark, answer.labels) for mark in marks[:4])
    firsts, lasts = edges(inside & mask, begins, closes, types, arrays=ops)

    def at(values: tf.Tensor, which: tf.Tensor) -> tf.Tensor:
        return _dense(tf.ragged.boolean_mask(values, which), width)

    names = tf.constant([*marks.names, ""])  # At least one, for what is looked up outside.
    places = tf.zeros_like(answer.labels) + tf.range(width)
    count = tf.reduce_sum(tf.cast(firsts, tf.int32), axis=1)
    within = tf.sequence_mask(count, width)
    logs = at(answer.first, firsts) + at(answer.last, lasts)
    found = {
        "span_types": at(tf.gather(names, tf.maximum(types, 0)), firsts),
        "span_starts": at(places, firsts),
        "span_ends": tf.where(within, at(places, lasts) + 1, 0),
        "span_scores": tf.where(within, tf.exp(tf.minimum(logs, 0.0)), 0.0),
        "span_count": count,
    }
    words = _words(options, asked)
    if words is not None:
        found["span_texts"] = _joined(_dense(words, width), inside & mask, firsts)
    return found


def _words(options: Options, asked: Asked) -> tf.RaggedTensor | None:
    """What the steps are, string ``[batch, (time)]``; None if they are no strings."""
    for name in options.aligned:
        raw = asked.raw.get(name)
        if raw is not None and raw.dtype == tf.string:
            while raw.shape.rank > 2:
                raw = tf.strings.reduce_join(raw, axis=-1, separator=" ")
            return raw
    return None


def _joined(words: tf.Tensor, inside: tf.Tensor, firsts: tf.Tensor) -> tf.Tensor:
    """The words of each span, ``[batch, time]``, right-padded with ``""``."""
    number = tf.cumsum(tf.reshape(tf.cast(firsts, tf.int32), [-1])) - 1
    chosen = tf.reshape(inside, [-1])
    texts = tf.strings.unsorted_segment_join(
        tf.boolean_mask(tf.reshape(words, [-1]), chosen),
        tf.boolean_mask(number, chosen),
        tf.reduce_sum(tf.cast(firsts, tf.int32)),
        separator=" ",
    )
    counts = tf.reduce_sum(tf.cast(firsts, tf.int32), axis=1)
    return _dense(tf.RaggedTensor.from_row_lengths(texts, counts), tf.shape(words)[1])


def _dense(rows: tf.RaggedTensor, width: tf.Tensor) -> tf.Tensor:
    """Rows right-padded to a width, ``[batch, width]``."""
    return tf.ensure_shape(rows.to_tensor(shape=tf.stack([-1, width])), [None, None])


def sequence_label(shares: tf.Tensor, names: Sequence[str]) -> dict[str, tf.Tensor]:
    """The sequence's own label.

    Args:
        shares: probabilities ``[batch, labels]``.
        names: in their order.

    Returns:
        ``sequence_label`` string and ``sequence_score`` float32, ``[batch]``.
    """
    return {
        "sequence_label": tf.gather(tf.constant(list(names)), tf.argmax(shares, axis=-1)),
        "sequence_score": tf.reduce_max(shares, axis=-1),
    }
