"""Prefix beam search: the likeliest texts of a CTC network, in standard operations.

A path has a piece or a blank at each step; its text is what is left when repetitions are merged
and then blanks are taken out.  The probability of a text is the sum over all its paths (Graves et
al. 2006, https://doi.org/10.1145/1143844.1143891).  The search goes step by step and keeps the
``width`` best prefixes of texts, each with the probability of its paths that end in a blank and of
those that end in its last piece (Hannun et al. 2014, https://arxiv.org/abs/1408.2873).  Where it
keeps every prefix, the sums are exact.

A language model's logarithm, weighted, and a bonus for each piece count in what is kept and what
is best (shallow fusion); they are no part of the probabilities.

``tf.nn.ctc_beam_search_decoder`` is not used: it has a CPU kernel only, which keeps a model from
GPUs and XLA, and takes no language model.
"""

from typing import NamedTuple

import tensorflow as tf

from models.layers.ctc import LEAST, NOTHING

BLANK = 0
"""The class of a blank; the others are the ids of pieces."""
FACTOR = 1_000_003
"""Of the hash of a prefix, which wraps around in 64 bits."""


class Automaton(NamedTuple):
    """A language model as states; see ``models.tasks.transcribe.language``.

    Attributes:
        scores: float32 ``[states, classes]``, logarithm of each class behind a state.
        following: int32 ``[states, classes]``, the state behind it.
        ends: float32 ``[states]``, logarithm of the end behind a state.
        start: int32 scalar, the state that a text begins in.
    """

    scores: tf.Tensor
    following: tf.Tensor
    ends: tf.Tensor
    start: tf.Tensor


class Found(NamedTuple):
    """Texts, best first.

    Attributes:
        tokens: int32 ``[batch, width, pieces]``, padded with 0; as wide as there are steps, until
            they are ``cut``.
        lengths: int32 ``[batch, width]``; 0 of a text without pieces, and of one that there is not.
        scores: float32 ``[batch, width]``, what they are ranked by; ``NOTHING`` where there is
            none, since fewer than ``width`` texts are possible.
        log_probabilities: float32 ``[batch, width]``, of the text, by the paths kept.
    """

    tokens: tf.Tensor
    lengths: tf.Tensor
    scores: tf.Tensor
    log_probabilities: tf.Tensor


class _Beam(NamedTuple):
    """Prefixes, ``[batch, width]`` each.

    ``tokens`` ``[batch, width, steps]``; ``own`` and ``parent`` are the hashes of the prefix and of
    the one without its last piece; ``blank`` and ``piece`` logarithms of the paths that end so.
    """

    tokens: tf.Tensor
    lengths: tf.Tensor
    last: tf.Tensor
    own: tf.Tensor
    parent: tf.Tensor
    blank: tf.Tensor
    piece: tf.Tensor
    language: tf.Tensor
    state: tf.Tensor

    @property
    def total(self) -> tf.Tensor:
        return log_add(self.blank, self.piece)


def log_add(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """The logarithm of the sum; ``NOTHING`` where both are below ``LEAST``."""
    high, low = tf.maximum(one, other), tf.minimum(one, other)
    return tf.where(high < LEAST, NOTHING, high + tf.math.log1p(tf.exp(low - high)))


def prefix_beam(
    log_probabilities: tf.Tensor,
    width: int,
    automaton: Automaton | None = None,
    weight: float = 0.0,
    bonus: float = 0.0,
) -> Found:
    """The likeliest texts.

    Args:
        log_probabilities: float32 ``[batch, steps, classes]``, class 0 the blank.  In the padding,
            the blank is certain: 0, and below ``LEAST`` for the others.
        width: texts that are kept and answered.
        automaton: the language model; none if None.
        weight: of its logarithm.
        bonus: added for each piece.
    """
    rows, steps, classes = tf.unstack(tf.shape(log_probabilities))
    pieces = classes - 1
    # Time in front, and no logarithm whose sums could leave the range of 32 bits.
    frames = tf.transpose(log_probabilities, [1, 0, 2])
    frames = tf.where(frames < LEAST, NOTHING, frames)
    nothing = tf.fill([rows, width], NOTHING)
    number = tf.zeros([rows, width], tf.int32)
    start = tf.concat([tf.zeros([rows, 1]), nothing[:, 1:]], axis=1)
    state = number if automaton is None else number + automaton.start
    # The first is the empty prefix; the others, which there are not yet, are never asked.
    hashes = tf.cast(tf.range(width), tf.int64)[None] + tf.zeros([rows, 1], tf.int64)
    beam = _Beam(
        tf.zeros([rows, width, steps], tf.int32),
        *(number, number, hashes, tf.fill([rows, width], tf.constant(-1, tf.int64))),
        *(start, nothing, tf.zeros([rows, width]), state),
    )

    def step(time: tf.Tensor, beam: _Beam) -> tuple[tf.Tensor, _Beam]:
        stayed, further = _continued(beam, frames[time])
        # Of each prefix and piece, [batch, width, pieces].
        language = beam.language[..., None] + bonus + tf.zeros([1, 1, pieces])
        if automaton is not None:
            language += weight * tf.gather(automaton.scores, beam.state)[..., 1:]
        ranked = tf.where(further < LEAST, NOTHING, further + language)
        alive = log_add(*stayed)
        kept = tf.where(alive < LEAST, NOTHING, alive + beam.language)
        every = tf.concat([kept, tf.reshape(ranked, [rows, width * pieces])], axis=1)
        score, chosen = tf.math.top_k(every, width)
        grows = chosen >= width
        place = tf.maximum(chosen - width, 0)
        came_from = tf.where(grows, place // pieces, chosen)
        piece = tf.where(grows, place % pieces + 1, 0)

        def taken(values: tf.Tensor) -> tf.Tensor:
            return tf.gather(values, came_from, batch_dims=1)

        def of_further(values: tf.Tensor) -> tf.Tensor:
            flat = tf.reshape(values, [rows, width * pieces])
            return tf.gather(flat, place, batch_dims=1)

        dead = score < LEAST
        lengths = taken(beam.lengths)
        here = grows[..., None] & (tf.range(steps) == lengths[..., None])
        own = taken(beam.own)
        following = state_behind(taken(beam.state), piece)
        return time + 1, _Beam(
            tokens=tf.where(here, piece[..., None], taken(beam.tokens)),
            lengths=lengths + tf.cast(grows, tf.int32),
            last=tf.where(grows, piece, taken(beam.last)),
            own=tf.where(grows, own * FACTOR + tf.cast(piece, tf.int64), own),
            parent=tf.where(grows, own, taken(beam.parent)),
            blank=tf.where(grows | dead, NOTHING, taken(stayed[0])),
            piece=tf.where(dead, NOTHING, tf.where(grows, of_further(further), taken(stayed[1]))),
            language=tf.where(grows, of_further(language), taken(beam.language)),
            state=tf.where(grows, following, taken(beam.state)),
        )

    def state_behind(state: tf.Tensor, piece: tf.Tensor) -> tf.Tensor:
        if automaton is None:
            return state
        return tf.gather_nd(automaton.following, tf.stack([state, piece], axis=-1))

    # What is known of a shape before the loop need not be known behind a step.
    shapes = tf.nest.map_structure(lambda part: tf.TensorShape([None] * part.shape.rank), beam)
    _, beam = tf.while_loop(
        lambda time, beam: time < steps,
        step,
        (tf.constant(0), beam),
        shape_invariants=(tf.TensorShape([]), shapes),
    )
    language = beam.language
    if automaton is not None:
        language += weight * tf.gather(automaton.ends, beam.state)
    total = beam.total
    score, order = tf.math.top_k(tf.where(total < LEAST, NOTHING, total + language), width)
    there = score > LEAST
    lengths = tf.where(there, tf.gather(beam.lengths, order, batch_dims=1), 0)
    tokens = tf.gather(beam.tokens, order, batch_dims=1)
    within = tf.range(steps) < lengths[..., None]
    return Found(
        tf.where(within, tokens, 0),
        lengths,
        score,
        tf.where(there, tf.gather(total, order, batch_dims=1), NOTHING),
    )


def _continued(beam: _Beam, frame: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor]:
    """What becomes of prefixes at a step.

    Args:
        beam: before it.
        frame: ``[batch, classes]``.

    Returns:
        the prefixes that stay, those ending in a blank and in a piece ``[batch, width]``, and those
        that get a further piece ``[batch, width, pieces]``; each text is in one of the two.
    """
    total = beam.total
    alive = total >= LEAST
    repeated = tf.gather(frame, beam.last, batch_dims=1)
    ends_in_piece = tf.where(beam.last > 0, beam.piece + repeated, NOTHING)
    is_last = tf.one_hot(beam.last - 1, tf.shape(frame)[1] - 1)  # [batch, width, pieces]
    # A piece again is a repetition of the last one, unless a blank stands between.
    before = tf.where(is_last > 0, beam.blank[..., None], total[..., None])
    further = before + frame[:, None, 1:]
    # Where prefix i with the last piece of prefix j is prefix j: [batch, i, j].
    same = (beam.own[:, :, None] == beam.parent[:, None, :]) & alive[:, :, None]
    same &= (beam.lengths[:, :, None] + 1 == beam.lengths[:, None, :]) & alive[:, None, :]
    last = tf.maximum(beam.last - 1, 0)[:, None, :] + tf.zeros_like(beam.last)[:, :, None]
    gained = tf.where(same, tf.gather(further, last, batch_dims=2), NOTHING)
    ends_in_piece = log_add(ends_in_piece, tf.reduce_max(gained, axis=1))
    there = tf.matmul(tf.cast(same, tf.float32), is_last) > 0.0
    further = tf.where(there | (further < LEAST), NOTHING, further)
    ends_in_blank = total + frame[:, :1]
    return (tf.where(ends_in_blank < LEAST, NOTHING, ends_in_blank), ends_in_piece), further


def best_path(log_probabilities: tf.Tensor) -> Found:
    """The text of the likeliest path, a piece or blank at each step; the text may not be the best.

    Args:
        log_probabilities: see ``prefix_beam``.

    Returns:
        one text a row, scored by the path.
    """
    steps = tf.shape(log_probabilities)[1]
    path = tf.argmax(log_probabilities, axis=-1, output_type=tf.int32)
    before = tf.concat([tf.zeros_like(path[:, :1]), path[:, :-1]], axis=1)
    begins = (path > 0) & (path != before)
    lengths = tf.reduce_sum(tf.cast(begins, tf.int32), axis=1)
    # Those that begin a piece come first, in their order.
    order = tf.argsort(tf.where(begins, 0, 1), axis=1, stable=True)
    tokens = tf.gather(path, order, batch_dims=1)
    within = tf.range(steps) < lengths[:, None]
    score = tf.reduce_sum(tf.reduce_max(log_probabilities, axis=-1), axis=1)
    return Found(
        tf.where(within, tokens, 0)[:, None], lengths[:, None], score[:, None], score[:, None]
    )


def cut(found: Found) -> Found:
    """As wide as the longest of the texts, and one piece at least."""
    longest = tf.reduce_max(tf.concat([tf.reshape(found.lengths, [-1]), [1]], axis=0))
    return found._replace(tokens=found.tokens[..., :longest])
