"""What Unicode normalisation looks up, by code point; from Python's own ``unicodedata``.

Hangul syllables are not in the tables: they are composed and decomposed by arithmetic, see The
Unicode Standard, section 3.12.  The tables are those of the Unicode version that Python has where
Transform runs (``unicodedata.unidata_version``); the served graph holds them.
"""

import functools
import sys
import unicodedata
from typing import Literal, NamedTuple

import numpy as np

HANGUL_SYLLABLES, HANGUL_COUNT = 0xAC00, 11_172
LEADING, VOWEL, TRAILING = 0x1100, 0x1161, 0x11A7
LEADING_COUNT, VOWEL_COUNT, TRAILING_COUNT = 19, 21, 28


class Tables(NamedTuple):
    """Arrays that are looked up in by binary search.

    Attributes:
        decomposed: code points that have a decomposition, int32 sorted ``[n]``.
        parts: all decompositions, the full ones, one after the other, int32.
        part_splits: where each begins, int32 ``[n + 1]``.
        marks: code points whose canonical combining class is not 0, int32 sorted ``[m]``.
        classes: their classes, int32 ``[m]``.
        pairs: pairs of code points that are composed, ``first * 2**21 + second``, int64 sorted.
        composites: what they become, int32.
    """

    decomposed: np.ndarray
    parts: np.ndarray
    part_splits: np.ndarray
    marks: np.ndarray
    classes: np.ndarray
    pairs: np.ndarray
    composites: np.ndarray


def pair_key(first: int, second: int) -> int:
    """The key under which a pair of code points is looked up."""
    return (first << 21) + second


@functools.cache
def tables(form: Literal["nfc", "nfkc"]) -> Tables:
    """The tables of a normalisation form."""
    decomposition = {"nfc": "NFD", "nfkc": "NFKD"}[form]
    decomposed, parts, splits = [], [], [0]
    marks, classes = [], []
    pairs: dict[int, int] = {}
    for point in range(sys.maxunicode + 1):
        if 0xD800 <= point < 0xE000 or 0 <= point - HANGUL_SYLLABLES < HANGUL_COUNT:
            continue
        character = chr(point)
        combining = unicodedata.combining(character)
        if combining:
            marks.append(point)
            classes.append(combining)
        # Almost all characters have no decomposition, which this tells at once.
        mapping = unicodedata.decomposition(character)
        if not mapping:
            continue
        full = unicodedata.normalize(decomposition, character)
        if full != character:
            decomposed.append(point)
            parts += map(ord, full)
            splits.append(len(parts))
        if not mapping.startswith("<") and " " in mapping:
            first, second = (int(part, 16) for part in mapping.split())
            # Those that are excluded from composition do not come back.
            if unicodedata.normalize("NFC", chr(first) + chr(second)) == character:
                pairs[pair_key(first, second)] = point
    keys = sorted(pairs)
    return Tables(
        np.array(decomposed, np.int32),
        np.array(parts, np.int32),
        np.array(splits, np.int32),
        np.array(marks, np.int32),
        np.array(classes, np.int32),
        np.array(keys, np.int64),
        np.array([pairs[key] for key in keys], np.int32),
    )
