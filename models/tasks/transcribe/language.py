"""A language model of pieces, as an automaton that a search in a graph can step through.

The model is an interpolated Kneser-Ney n-gram (``models.baselines.kneser_ney``) of the texts of
the train split.  A state is a context that occurs in them, up to ``order - 1`` pieces; the one
behind a piece is the longest known context that the text then ends in.  A table holds a number for
each state and class, so that a lookup is a gather; contexts that make it too large, the rarest
ones, are left to shorter ones.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from models.baselines.kneser_ney import KneserNey
from models.baselines.vocabulary import END, UNKNOWN

LARGEST = 4_000_000
"""Entries of a table, two of which are exported with 4 bytes an entry."""
START = -1
Context = tuple[int, ...]


def automaton(
    texts: Iterable[Sequence[int]], classes: int, order: int, largest: int = LARGEST
) -> dict[str, np.ndarray]:
    """Learns a model.

    Args:
        texts: ids of pieces, from 1.
        classes: ids are below it.
        order: pieces of an n-gram.
        largest: entries that a table may have.

    Returns:
        ``scores`` float32 and ``following`` int32 ``[states, classes]``, ``ends`` float32
        ``[states]`` and ``start`` int32 ``[]``; see ``models.tasks.transcribe.beam.Automaton``.
        Class 0, the blank, is never asked.

    Raises:
        ValueError: there is no text.
    """
    texts = [list(map(int, text)) for text in texts]
    model = KneserNey([list(map(str, text)) for text in texts], order)
    states = _contexts(texts, order, max(largest // classes, 2))
    number = {context: place for place, context in enumerate(states)}
    ids = [model.vocabulary.ids([str(piece)])[0] for piece in range(classes)]
    known = np.array([place != UNKNOWN for place in ids])
    scores = np.zeros((len(states), classes), np.float32)
    ends = np.zeros(len(states), np.float32)
    following = np.zeros((len(states), classes), np.int32)
    for place, context in enumerate(states):
        from_start = context[:1] == (START,)
        words = [str(piece) for piece in context[from_start:]]
        logarithms = np.log(model.probabilities(words, from_start=from_start))
        scores[place] = logarithms[ids]
        ends[place] = logarithms[END]
        following[place] = [
            number[_longest((*context, piece), order, number)] for piece in range(classes)
        ]
    # Pieces that no text of the train split has share what the model leaves to unknown ones.
    scores[:, ~known] -= np.log(max((~known).sum() - 1, 1))
    start = number[_longest((START,), order, number)]
    return {
        "scores": scores,
        "following": following,
        "ends": ends,
        "start": np.array(start, np.int32),
    }


def _contexts(texts: Iterable[Sequence[int]], order: int, most: int) -> list[Context]:
    """Contexts by length and frequency, the empty one first; each without its first piece is there
    too.
    """
    counts: Counter[Context] = Counter()
    for text in texts:
        marked = (START, *text)
        for end in range(1, len(marked) + 1):
            counts.update(marked[begin:end] for begin in range(max(end - order + 1, 0), end))
    found = sorted(counts, key=lambda context: (-counts[context], len(context), context))
    kept: list[Context] = [()]
    there = {()}
    for context in found[: most - 1]:
        # As frequent as a longer one at least, the shorter one came before.
        if context[1:] in there:
            there.add(context)
            kept.append(context)
    return kept


def _longest(context: Context, order: int, known: dict[Context, int]) -> Context:
    """The longest known context that this one ends in."""
    context = context[max(len(context) - order + 1, 0) :]
    while context not in known:
        context = context[1:]
    return context
