"""Unicode normalisation (NFC, NFKC) in core TensorFlow ops, which have none of their own.

After Unicode Standard Annex #15: full decomposition, canonical ordering of the marks, canonical
composition.  Exact for all of the Unicode version that ``models.features.unicode_tables`` has.
Bytes that are not UTF-8 become U+FFFD, and so do the 66 code points that Unicode says are no
characters (U+FFFE, say).  Strings of ASCII only are left alone, which is most of the
cost of most text.
"""

from typing import Literal, NamedTuple

import tensorflow as tf

from models.features.unicode_tables import (
    HANGUL_COUNT,
    HANGUL_SYLLABLES,
    LEADING,
    LEADING_COUNT,
    TRAILING,
    TRAILING_COUNT,
    VOWEL,
    VOWEL_COUNT,
    Tables,
    tables,
)

ASCII = r"[\x00-\x7F]*"


class _Points(NamedTuple):
    """Code points of all rows, one after the other.

    Attributes:
        points: int32 ``[n]``.
        rows: the row of each, int64 ``[n]``.
    """

    points: tf.Tensor
    rows: tf.Tensor


def normalised(text: tf.Tensor, form: Literal["nfc", "nfkc"]) -> tf.Tensor:
    """Normalises strings.

    Args:
        text: string ``[n]``, UTF-8.
        form: ``nfc`` or ``nfkc``.

    Returns:
        string ``[n]``.
    """
    # Neither form changes a character of ASCII, and none of it composes with what follows unless
    # that is not ASCII.
    other = tf.where(tf.logical_not(tf.strings.regex_full_match(text, ASCII)))
    points = tf.strings.unicode_decode(tf.gather_nd(text, other), "UTF-8", errors="replace")
    points = points.with_row_splits_dtype(tf.int64)
    found = tables(form)
    flat = _Points(points.flat_values, points.value_rowids())
    flat = _ordered(_decomposed(flat, found), found)
    flat = _composed(flat, found)
    lengths = tf.math.bincount(
        tf.cast(flat.rows, tf.int32),
        minlength=tf.cast(points.nrows(), tf.int32),
        maxlength=tf.cast(points.nrows(), tf.int32),
        dtype=tf.int64,
    )
    whole = tf.RaggedTensor.from_row_lengths(flat.points, lengths)
    return tf.tensor_scatter_nd_update(text, other, tf.strings.unicode_encode(whole, "UTF-8"))


def _position(sorted_keys: tf.Tensor, keys: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where keys stand among sorted ones, and whether they do."""
    place = tf.minimum(tf.searchsorted(sorted_keys, keys), tf.size(sorted_keys) - 1)
    return place, tf.gather(sorted_keys, place) == keys


def _decomposed(flat: _Points, found: Tables) -> _Points:
    points = flat.points
    place, known = _position(tf.constant(found.decomposed), points)
    splits = tf.constant(found.part_splits)
    start = tf.gather(splits, place)
    syllable = points - HANGUL_SYLLABLES
    hangul = (syllable >= 0) & (syllable < HANGUL_COUNT)
    trailing = syllable % TRAILING_COUNT
    lengths = tf.where(known, tf.gather(splits, place + 1) - start, 1)
    lengths = tf.where(hangul, 2 + tf.cast(trailing > 0, tf.int32), lengths)
    # Each code point is repeated as often as it has parts, and each copy becomes its part.
    source = tf.repeat(tf.range(tf.size(points)), lengths)
    part = tf.range(tf.size(source)) - tf.repeat(tf.cumsum(lengths, exclusive=True), lengths)
    take = lambda values: tf.gather(values, source)  # noqa: E731
    parts = tf.constant(found.parts)
    inside = tf.minimum(take(start) + part, tf.size(parts) - 1)
    jamo = tf.where(
        part == 0,
        LEADING + take(syllable // (VOWEL_COUNT * TRAILING_COUNT)),
        tf.where(
            part == 1,
            VOWEL + take(syllable // TRAILING_COUNT % VOWEL_COUNT),
            TRAILING + take(trailing),
        ),
    )
    plain = tf.where(take(known), tf.gather(parts, inside), take(points))
    return _Points(tf.where(take(hangul), jamo, plain), take(flat.rows))


def _classes(points: tf.Tensor, found: Tables) -> tf.Tensor:
    place, known = _position(tf.constant(found.marks), points)
    return tf.where(known, tf.gather(tf.constant(found.classes), place), 0)


def _ordered(flat: _Points, found: Tables) -> _Points:
    """Sorts the marks behind each starter (a code point of class 0) by their class, stably."""
    classes = tf.cast(_classes(flat.points, found), tf.int64)
    sequence = tf.cumsum(tf.cast(classes == 0, tf.int64)) + flat.rows
    order = tf.argsort(sequence * 256 + classes, stable=True)
    return _Points(tf.gather(flat.points, order), flat.rows)


def _composed(flat: _Points, found: Tables) -> _Points:
    """Composes, in each sequence of a starter and what follows it, one pair a round.

    A code point composes with the last starter before it unless another of its class or of class
    0 stands between.  A composed one is taken out, and its sequence is looked through from there
    on, so that every code point is looked at once, as the definition has it.
    """

    def more(points, rows, after, changed):
        return changed

    def compose(points, rows, after, changed):
        size = tf.size(points)
        places = tf.range(size)
        classes = _classes(points, found)
        starters = classes == 0
        first_of_row = tf.concat([[True], rows[1:] != rows[:-1]], 0)[:size]
        # The last starter before each place, if its row has one there: -1 else.
        at = tf.where(starters, places, -1)
        before = tf.concat([[-1], _running_maximum(at)[:-1]], 0)[:size]
        start = tf.where(first_of_row, places, -1)
        before = tf.where(before >= _running_maximum(start), before, -1)
        before = tf.where(first_of_row, -1, before)
        has = before >= 0
        starter = tf.maximum(before, 0)
        last_class = tf.concat([[0], classes[:-1]], 0)[:size]
        adjacent = before == places - 1
        blocked = tf.logical_not(adjacent) & ((last_class >= classes) | (classes == 0))
        composite, composable = _composite(tf.gather(points, starter), points, found)
        # What was passed over before its starter was composed is not looked at again.
        fresh = places - starter > tf.gather(after, starter)
        usable = has & composable & fresh & tf.logical_not(blocked)
        # A starter that is itself composed with the one before it takes nothing in this round.
        usable &= tf.logical_not(tf.gather(usable & starters, starter))
        first = tf.math.unsorted_segment_min(
            tf.where(usable, places, size), starter, num_segments=size
        )
        taken = usable & (tf.gather(first, starter) == places)
        target = tf.boolean_mask(starter, taken)[:, None]
        points = tf.tensor_scatter_nd_update(points, target, tf.boolean_mask(composite, taken))
        gap = tf.boolean_mask(places - starter, taken) - 1
        after = tf.tensor_scatter_nd_update(after, target, gap)
        kept = tf.logical_not(taken)
        return (
            tf.boolean_mask(points, kept),
            tf.boolean_mask(rows, kept),
            tf.boolean_mask(after, kept),
            tf.reduce_any(taken),
        )

    points, rows, _, _ = tf.while_loop(
        more,
        compose,
        (flat.points, flat.rows, tf.zeros_like(flat.points), tf.size(flat.points) > 0),
        shape_invariants=(
            tf.TensorShape([None]),
            tf.TensorShape([None]),
            tf.TensorShape([None]),
            tf.TensorShape([]),
        ),
    )
    return _Points(points, rows)


def _running_maximum(values: tf.Tensor) -> tf.Tensor:
    """The maximum of each value and all before it, for values that only rise where they are not -1.

    Such values are places of themselves, so that counting them finds the last one.
    """
    marked = values >= 0
    order = tf.boolean_mask(values, marked)
    count = tf.cumsum(tf.cast(marked, tf.int32))
    padded = tf.concat([[-1], order], 0)
    return tf.gather(padded, count)


def _composite(first: tf.Tensor, second: tf.Tensor, found: Tables) -> tuple[tf.Tensor, tf.Tensor]:
    """What pairs of code points become, and which become anything."""
    key = tf.bitwise.left_shift(tf.cast(first, tf.int64), tf.constant(21, tf.int64))
    place, known = _position(tf.constant(found.pairs), key + tf.cast(second, tf.int64))
    leading, vowel = first - LEADING, second - VOWEL
    syllable, trailing = first - HANGUL_SYLLABLES, second - TRAILING
    open_syllable = (leading >= 0) & (leading < LEADING_COUNT) & (vowel >= 0)
    open_syllable &= vowel < VOWEL_COUNT
    closed = (syllable >= 0) & (syllable < HANGUL_COUNT) & (syllable % TRAILING_COUNT == 0)
    closed &= (trailing > 0) & (trailing < TRAILING_COUNT)
    composite = tf.gather(tf.constant(found.composites), place)
    joined = HANGUL_SYLLABLES + (leading * VOWEL_COUNT + vowel) * TRAILING_COUNT
    composite = tf.where(open_syllable, joined, tf.where(closed, first + trailing, composite))
    return composite, known | open_syllable | closed
