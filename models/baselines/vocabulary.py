"""The words of a language model: those that the training text has often enough."""

from collections import Counter
from collections.abc import Iterable, Sequence

UNKNOWN, END = 0, 1
"""Ids of every word outside the vocabulary, and of the end of a sentence."""
FIRST_WORD = 2


class Vocabulary:
    """Words and their ids; 0 is every other word, 1 the end of a sentence.

    Args:
        sentences: training text.
        smallest_count: occurrences that a word needs; with 1 training has no unknown word.

    Attributes:
        words: by id from ``FIRST_WORD``, the most frequent first, equals in their order as text.
    """

    def __init__(self, sentences: Iterable[Sequence[str]], smallest_count: int = 1):
        counts = Counter(word for sentence in sentences for word in sentence)
        kept = [word for word, count in counts.items() if count >= smallest_count]
        self.words = sorted(kept, key=lambda word: (-counts[word], word))
        self._ids = {word: place for place, word in enumerate(self.words, FIRST_WORD)}

    def __len__(self) -> int:
        """How many ids there are."""
        return len(self.words) + FIRST_WORD

    def ids(self, words: Sequence[str]) -> list[int]:
        """The id of each word."""
        return [self._ids.get(word, UNKNOWN) for word in words]
