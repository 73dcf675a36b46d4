"""When each piece of a text was written: the likeliest of its paths (Viterbi).

The states of a text are a blank, its first piece, a blank, its second piece, and so on to a blank;
a path stays, goes on by one or, between two pieces that differ, leaves out the blank.
"""

from typing import NamedTuple

import tensorflow as tf

from models.layers.ctc import LEAST, NOTHING
from models.tasks.transcribe.beam import BLANK


class Times(NamedTuple):
    """When pieces were written, ``[batch, pieces]``; 0 where there is none.

    Attributes:
        starts: int32, the first step of a piece, from 0.
        ends: int32, one beyond its last step.
        scores: float32, the mean of the logarithm of its probability from step to step.
    """

    starts: tf.Tensor
    ends: tf.Tensor
    scores: tf.Tensor


def times(log_probabilities: tf.Tensor, tokens: tf.Tensor, lengths: tf.Tensor) -> Times:
    """Aligns a text with the steps of each row.

    Args:
        log_probabilities: float32 ``[batch, steps, classes]``, see
            ``models.tasks.transcribe.beam.prefix_beam``.
        tokens: int32 ``[batch, pieces]``.
        lengths: int32 ``[batch]``, of the texts.
    """
    rows, pieces = tf.unstack(tf.shape(tokens))
    states = 2 * pieces + 1
    written = tf.reshape(tf.stack([tf.fill([rows, pieces], BLANK), tokens], -1), [rows, -1])
    written = tf.concat([written, tf.fill([rows, 1], BLANK)], axis=1)
    scores = tf.gather(log_probabilities, written, axis=2, batch_dims=1)
    scores = tf.transpose(tf.where(scores < LEAST, NOTHING, scores), [1, 0, 2])
    two_before = tf.concat([tf.fill([rows, 2], BLANK), written[:, :-2]], axis=1)
    may_skip = (written != BLANK) & (written != two_before)
    steps = tf.shape(scores)[0]

    def forward(
        time: tf.Tensor, best: tf.Tensor, moves: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        nothing = tf.fill([rows, 2], NOTHING)
        by_one = tf.concat([nothing[:, :1], best[:, :-1]], axis=1)
        by_two = tf.where(may_skip, tf.concat([nothing, best[:, :-2]], axis=1), NOTHING)
        candidates = tf.stack([best, by_one, by_two], axis=-1)
        move = tf.argmax(candidates, axis=-1, output_type=tf.int32)
        # Not below NOTHING, so that many of them stay a number.
        best = tf.maximum(tf.reduce_max(candidates, axis=-1) + scores[time], NOTHING)
        return time + 1, best, moves.write(time, move)

    first = tf.range(states)[None] < 2
    moves = tf.TensorArray(tf.int32, steps, element_shape=[None, None]).write(
        0, tf.zeros([rows, states], tf.int32)
    )
    _, best, moves = tf.while_loop(
        lambda time, best, moves: time < steps,
        forward,
        (tf.constant(1), tf.where(first, scores[0], NOTHING), moves),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None]), tf.TensorShape(None)),
    )
    last = 2 * lengths
    ends = tf.gather(best, tf.stack([last, tf.maximum(last - 1, 0)], axis=1), batch_dims=1)
    state = tf.where((ends[:, 1] > ends[:, 0]) & (lengths > 0), last - 1, last)

    def backward(
        time: tf.Tensor, state: tf.Tensor, path: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        path = path.write(time, state)
        return time - 1, state - tf.gather(moves.read(time), state, batch_dims=1), path

    path = tf.TensorArray(tf.int32, steps, element_shape=[None])
    _, _, path = tf.while_loop(
        lambda time, state, path: time >= 0,
        backward,
        (steps - 1, state, path),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None]), tf.TensorShape(None)),
    )
    place = tf.transpose(path.stack())[..., None]  # [batch, steps, 1]
    here = tf.cast(place == 2 * tf.range(pieces) + 1, tf.int32)
    count = tf.reduce_sum(here, axis=1)
    starts = tf.argmax(here, axis=1, output_type=tf.int32)
    of_pieces = tf.transpose(scores, [1, 0, 2])[:, :, 1::2]
    total = tf.reduce_sum(tf.where(here > 0, of_pieces, 0.0), axis=1)
    there = count > 0
    return Times(
        tf.where(there, starts, 0),
        tf.where(there, starts + count, 0),
        tf.where(there, total / tf.cast(tf.maximum(count, 1), tf.float32), 0.0),
    )
