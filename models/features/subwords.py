"""Cuts words to learnt subword units in core TensorFlow ops: greedy longest match.

From its first character on, the longest unit that the word continues with is taken, and so on to
its end (WordPiece, Schuster and Nakajima 2012; units behind the first begin with ``##``).  A
character that begins no unit is one unknown piece, and what follows it is cut as before.
"""

import math

import tensorflow as tf

from models.features.analyzers import Analyzers
from models.features.subword_units import CONTINUED, LONGEST_UNIT, LONGEST_WORD


def pieces_of(
    words: tf.RaggedTensor, analyzers: Analyzers, name: str, size: int
) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """Learns units from words, and cuts the words to them.

    Args:
        words: string ``[batch, (time)]``; of a word, ``LONGEST_WORD`` characters are read.
        analyzers: what learns the units.
        name: under which they are kept.
        size: how many are learnt.

    Returns:
        ranks of the pieces, int64 ``[batch, (pieces)]``, -1 where unknown; and, as long as its
        values, the characters of the unknown ones (of the others, their first one).
    """
    unique, place, counts = tf.unique_with_counts(words.values, tf.int64)
    characters = tf.strings.unicode_split(unique, "UTF-8", errors="replace")
    characters = characters.with_row_splits_dtype(tf.int64)[:, :LONGEST_WORD]
    starts, ends = characters.row_starts(), characters.row_limits()
    flat = characters.values
    size_flat = tf.size(flat, tf.int64)
    position = tf.range(size_flat)
    end = tf.gather(ends, characters.value_rowids())
    first = position == tf.gather(starts, characters.value_rowids())
    candidate = tf.where(first, flat, tf.strings.join([CONTINUED, flat]))
    candidates = [candidate]
    # From every position on, what the word continues with in 1, 2, 3, ... characters.
    for length in range(1, LONGEST_UNIT):
        inside = position + length < end
        following = tf.gather(flat, tf.minimum(position + length, size_flat - 1))
        candidate = tf.where(inside, tf.strings.join([candidate, following]), "")
        candidates.append(candidate)
    ranks = analyzers.subwords(unique, counts, tf.stack(candidates), name, size)
    lengths = tf.range(1, LONGEST_UNIT + 1, dtype=tf.int64)[:, None]
    longest = tf.reduce_max(tf.where(ranks >= 0, lengths, 0), axis=0)
    rank = tf.gather(tf.transpose(ranks), tf.maximum(longest - 1, 0), batch_dims=1)
    taken = _reached(starts, ends, tf.minimum(position + tf.maximum(longest, 1), end))
    pieces = tf.ragged.boolean_mask(characters.with_values(position), characters.with_values(taken))
    chosen = tf.gather(pieces, place)
    of_rows = words.with_values(chosen).merge_dims(1, 2)
    return of_rows.with_values(tf.gather(rank, of_rows.values)), tf.gather(flat, of_rows.values)


def _reached(starts: tf.Tensor, ends: tf.Tensor, following: tf.Tensor) -> tf.Tensor:
    """The positions at which a piece begins: each word's start, and what follows a piece.

    Args:
        starts: of each word, int64 ``[words]``.
        ends: of each word, int64 ``[words]``.
        following: where the piece that begins at a position would end, int64 ``[positions]``.

    Returns:
        boolean ``[positions]``.
    """
    size = tf.size(following, tf.int64)
    # Behind all positions stands one that leads to itself, for the ends of words.
    begins = tf.scatter_nd(starts[:, None], tf.cast(starts < ends, tf.int32), [size + 1])
    is_start = tf.concat([begins[:-1] > 0, [True]], 0)
    leads = tf.concat([following, [size]], 0)
    leads = tf.where(tf.gather(is_start, leads), size, leads)
    reached = is_start
    for _ in range(math.ceil(math.log2(LONGEST_WORD))):
        # Twice as many pieces of each word as before.
        source = tf.cast(tf.where(reached)[:, 0], tf.int64)
        more = tf.scatter_nd(
            tf.gather(leads, source)[:, None], tf.ones_like(source, tf.int32), [size + 1]
        )
        reached |= more > 0
        leads = tf.gather(leads, leads)
    return reached[:-1]
