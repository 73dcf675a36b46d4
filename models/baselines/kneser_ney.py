"""Interpolated Kneser-Ney n-gram language model.

Kneser & Ney 1995, https://doi.org/10.1109/ICASSP.1995.479394, in the interpolated form of Chen &
Goodman 1999, https://doi.org/10.1006/csla.1999.0128, with one discount an order.

For an n-gram of context ``h`` and word ``w``, ``h'`` being ``h`` without its first word::

    p(w | h) = max(c(hw) - D, 0) / c(h.) + D N(h.) / c(h.) p(w | h')

``c`` are the counts of the training text at the highest order.  At a lower one ``c(hw)`` is the
number of different words seen before ``hw``; n-grams that begin a sentence have nothing before them
and keep their counts.  ``c(h.)`` is the sum of ``c`` over all words, ``N(h.)`` the number of words
with a count.  A context that was never seen leaves the answer to ``h'``; below single words stands
the uniform distribution over the vocabulary, so that no probability is zero.

A sentence begins with a mark that is context only, and ends with one that is predicted like a word.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from models.baselines.vocabulary import END, Vocabulary

START = -1
"""Of a sentence; context only, so it has no probability."""
FALLBACK_DISCOUNT = 0.75

Gram = tuple[int, ...]


class KneserNey:
    """A model that is fitted when it is made.

    The discount of an order is ``D = n1 / (n1 + 2 n2)``, where ``n1`` and ``n2`` are how many of
    its n-grams have the count one and two (Ney, Essen & Kneser 1994).  Where one of them is zero,
    as in very small or repetitive texts, that formula gives a discount of nothing (unseen words
    would get nothing) or of a whole count; ``FALLBACK_DISCOUNT`` is used then.

    Args:
        sentences: training text, a list of words a sentence.
        order: words of an n-gram, 1 for frequencies of single words.
        smallest_count: occurrences that a word needs; the others are one unknown word.

    Attributes:
        order: words of an n-gram.
        vocabulary: the words that have a probability.
        discounts: of each order, single words first.

    Raises:
        ValueError: there is no sentence, or ``order`` is below 1.
    """

    def __init__(self, sentences: Iterable[Sequence[str]], order: int = 3, smallest_count: int = 1):
        if order < 1:
            raise ValueError(f"order is {order}; an n-gram has a word at least")
        sentences = [list(sentence) for sentence in sentences]
        if not sentences:
            raise ValueError("no sentence came; a model needs one at least")
        self.order = order
        self.vocabulary = Vocabulary(sentences, smallest_count)
        marked = [[START, *self.vocabulary.ids(sentence), END] for sentence in sentences]
        orders = _adjusted_counts(marked, order)
        self.discounts = tuple(_discount(counts) for counts in orders)
        # By order and context: the words' counts, and their sum.
        self._followers: list[dict[Gram, dict[int, int]]] = [{} for _ in orders]
        for followers, counts in zip(self._followers, orders, strict=True):
            for gram, count in counts.items():
                followers.setdefault(gram[:-1], {})[gram[-1]] = count
        self._totals = [
            {context: sum(counts.values()) for context, counts in followers.items()}
            for followers in self._followers
        ]
        self._likeliest: dict[Gram, int] = {}

    @property
    def parameters(self) -> int:
        """How many n-grams of all orders have a count."""
        return sum(len(counts) for level in self._followers for counts in level.values())

    def probabilities(self, context: Sequence[str], *, from_start: bool = False) -> np.ndarray:
        """The next word's distribution.

        Args:
            context: the words before it; the last ``order - 1`` count.
            from_start: whether the context begins a sentence.

        Returns:
            float64 ``[vocabulary]`` by id, see ``Vocabulary``; it sums to one.
        """
        ids = [START] * from_start + self.vocabulary.ids(context)
        result = np.full(len(self.vocabulary), 1.0 / len(self.vocabulary))
        for level, gram in self._contexts(ids):
            counts, total = self._followers[level][gram], self._totals[level][gram]
            result *= self.discounts[level] * len(counts) / total
            words = list(counts)
            discounted = np.array([counts[word] for word in words]) - self.discounts[level]
            result[words] += discounted / total
        return result

    def log_probabilities(self, sentence: Sequence[str]) -> np.ndarray:
        """Natural logarithms of the probability of each word and of the end.

        Args:
            sentence: words.

        Returns:
            float64 ``[words + 1]``.
        """
        ids = [START, *self.vocabulary.ids(sentence), END]
        return np.array(
            [math.log(self._probability(ids[:place], ids[place])) for place in range(1, len(ids))]
        )

    def likeliest(self, sentence: Sequence[str]) -> np.ndarray:
        """Which words of a sentence, and whether its end, are the likeliest where they stand.

        Returns:
            bool ``[words + 1]``.
        """
        ids = [START, *self.vocabulary.ids(sentence), END]
        right = []
        for place in range(1, len(ids)):
            for _, gram in self._contexts(ids[max(place - self.order, 0) : place]):
                longest = gram
            right.append(self._best(longest) == ids[place])
        return np.array(right)

    def _best(self, context: Gram) -> int:
        """The likeliest word behind a known context: one that was seen there, or the likeliest
        behind the shorter one, since all others share what is left in that one's order.
        """
        if context not in self._likeliest:
            candidates = set(self._followers[len(context)][context])
            if context:
                candidates.add(self._best(context[1:]))
            self._likeliest[context] = max(
                sorted(candidates), key=lambda word: self._probability(context, word)
            )
        return self._likeliest[context]

    def perplexity(self, sentences: Iterable[Sequence[str]]) -> float:
        """The inverse geometric mean of the probability of all words and ends.

        Raises:
            ValueError: there is no sentence.
        """
        return perplexity(self.log_probabilities(sentence) for sentence in sentences)

    def _contexts(self, ids: Sequence[int]) -> Iterable[tuple[int, Gram]]:
        """The known contexts within the last words, the shortest first, each with its level."""
        for level in range(min(self.order, len(ids) + 1)):
            gram = tuple(ids[len(ids) - level :])
            if gram not in self._followers[level]:
                # No longer context can be known where this one is not.
                return
            yield level, gram

    def _probability(self, ids: Sequence[int], word: int) -> float:
        result = 1.0 / len(self.vocabulary)
        for level, gram in self._contexts(ids):
            counts, total = self._followers[level][gram], self._totals[level][gram]
            discount = self.discounts[level]
            own = max(counts.get(word, 0) - discount, 0.0)
            result = (own + discount * len(counts) * result) / total
        return result


def perplexity(log_probabilities: Iterable[np.ndarray]) -> float:
    """The inverse geometric mean of probabilities.

    Args:
        log_probabilities: natural logarithms, arrays of any shape.

    Raises:
        ValueError: there is none.
    """
    together = [np.ravel(part) for part in log_probabilities]
    if not any(part.size for part in together):
        raise ValueError("no sentence came; a perplexity is that of some text")
    return float(np.exp(-np.concatenate(together).mean()))


def _adjusted_counts(sentences: Sequence[Sequence[int]], order: int) -> list[Counter[Gram]]:
    """Counts by order, single words first; see the module."""
    highest: Counter[Gram] = Counter()
    starts: Counter[Gram] = Counter()
    for sentence in sentences:
        for end in range(2, len(sentence) + 1):
            begin = max(end - order, 0)
            gram = tuple(sentence[begin:end])
            # Shorter ones than the order all begin the sentence.
            (highest if len(gram) == order else starts)[gram] += 1
    orders = [highest]
    for length in range(order - 1, 0, -1):
        lower = Counter(gram[1:] for gram in orders[0])
        lower.update({gram: count for gram, count in starts.items() if len(gram) == length})
        orders.insert(0, lower)
    return orders


def _discount(counts: Counter[Gram]) -> float:
    once, twice = (sum(count == times for count in counts.values()) for times in (1, 2))
    return once / (once + 2 * twice) if once and twice else FALLBACK_DISCOUNT
