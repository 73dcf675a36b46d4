"""Learns subword units from the words of a corpus; imports no TensorFlow.

Byte-pair encoding (Sennrich, Haddow and Birch 2016, arXiv:1508.07909): beginning with single
characters, the pair of neighbouring units that occurs most often becomes a unit, again and again.
Units that continue a word begin with ``##``, as in WordPiece (Schuster and Nakajima 2012), whose
greedy longest match then cuts words to them, see ``models.features.subwords``.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise

CONTINUED = "##"
LONGEST_UNIT = 16
"""Characters of a unit, at most."""
LONGEST_WORD = 128
"""Characters of a word that are read."""
WORDS = 50_000
"""The most frequent words, which units are learnt from."""
REDACTED_MARKS = ("<", ">")

Pair = tuple[str, str]


def subword_units(words: Mapping[str, int], size: int) -> list[str]:
    """Learns units.

    Args:
        words: how often each word occurs; ``<name>`` of a redaction is one unit.
        size: how many units, at most; single characters come first, the most frequent ones if
            there are more of them.

    Returns:
        units: characters by falling count, then merged ones in the order of merging.  The same for
        the same words, in whatever order they come.
    """
    chosen = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:WORDS]
    split = [_characters(word) for word, _ in chosen]
    counts = [count for _, count in chosen]
    alphabet: Counter[str] = Counter()
    for units, count in zip(split, counts, strict=True):
        for unit in units:
            alphabet[unit] += count
    found = [unit for unit, _ in sorted(alphabet.items(), key=lambda item: (-item[1], item[0]))]
    found = found[:size]
    known = set(found)
    pairs: Counter[Pair] = Counter()
    places: dict[Pair, set[int]] = defaultdict(set)
    for index, units in enumerate(split):
        for pair in pairwise(units):
            pairs[pair] += counts[index]
            places[pair].add(index)
    waiting = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(waiting)
    while len(found) < size and waiting:
        negative, pair = heapq.heappop(waiting)
        count = pairs.get(pair, 0)
        if count != -negative:
            # The pair's count has changed since it was put here; it stands here again with it.
            continue
        if count < 2:
            break
        merged = pair[0] + pair[1].removeprefix(CONTINUED)
        if len(merged.removeprefix(CONTINUED)) > LONGEST_UNIT:
            continue
        if merged not in known:
            found.append(merged)
            known.add(merged)
        changed: set[Pair] = set()
        for index in places.pop(pair):
            before, after = split[index], _merged(split[index], pair, merged)
            for old in pairwise(before):
                pairs[old] -= counts[index]
                changed.add(old)
            for new in pairwise(after):
                pairs[new] += counts[index]
                places[new].add(index)
                changed.add(new)
            split[index] = after
        for other in changed:
            if pairs[other] > 0 and other != pair:
                heapq.heappush(waiting, (-pairs[other], other))
    return found


def _characters(word: str) -> list[str]:
    """A word as its first units."""
    first, last = REDACTED_MARKS
    if word.startswith(first) and word.endswith(last) and len(word) <= LONGEST_UNIT:
        return [word]
    return [CONTINUED + character if index else character for index, character in enumerate(word)][
        :LONGEST_WORD
    ]


def _merged(units: list[str], pair: Pair, merged: str) -> list[str]:
    """Units of a word with each occurrence of a pair merged, from the left."""
    found, index = [], 0
    while index < len(units):
        if units[index] == pair[0] and index + 1 < len(units) and units[index + 1] == pair[1]:
            found.append(merged)
            index += 2
        else:
            found.append(units[index])
            index += 1
    return found
