"""Language models that stand beside networks: against slow ones, and as distributions."""

import math
from collections import Counter

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.baselines.kneser_ney import FALLBACK_DISCOUNT, KneserNey, perplexity
from models.baselines.vocabulary import END, FIRST_WORD, UNKNOWN, Vocabulary
from models.baselines.window import WindowLanguageModel, build

words = st.sampled_from(["a", "b", "c", "d"])
texts = st.lists(st.lists(words, max_size=6), min_size=1, max_size=12)


def slow(sentences: list[list[str]], order: int, context: list[str], word: str) -> float:
    """The formula of the paper, word for word, over strings, counting anew each time."""
    marked = [["<s>", *sentence, "</s>"] for sentence in sentences]
    vocabulary = {word for sentence in sentences for word in sentence} | {"</s>", "<unk>"}

    def raw(length: int) -> Counter[tuple[str, ...]]:
        return Counter(
            tuple(sentence[start : start + length])
            for sentence in marked
            for start in range(len(sentence) - length + 1)
        )

    def count(gram: tuple[str, ...]) -> int:
        if len(gram) == order or gram[0] == "<s>":
            return raw(len(gram))[gram]
        return sum(longer[1:] == gram for longer in raw(len(gram) + 1))

    def counted(length: int) -> dict[tuple[str, ...], int]:
        found = {gram: count(gram) for gram in raw(length) if gram != ("<s>",)}
        return {gram: times for gram, times in found.items() if times}

    def probability(gram: tuple[str, ...]) -> float:
        if not gram:
            return 1 / len(vocabulary)
        level = counted(len(gram))
        n1, n2 = (sum(times == n for times in level.values()) for n in (1, 2))
        discount = n1 / (n1 + 2 * n2) if n1 and n2 else 0.75
        followed = {other: n for other, n in level.items() if other[:-1] == gram[:-1]}
        shorter = probability(gram[1:])
        if not followed:
            return shorter
        total = sum(followed.values())
        own = max(level.get(gram, 0) - discount, 0)
        return own / total + discount * len(followed) / total * shorter

    known = [other if other in vocabulary | {"<s>"} else "<unk>" for other in context]
    kept = known[len(known) - min(order - 1, len(known)) :]
    return probability((*kept, word))


@settings(max_examples=60, deadline=None)
@given(texts, st.integers(1, 4), st.lists(st.sampled_from("abcdx"), max_size=4), st.booleans())
def test_kneser_ney_is_the_slow_one_and_sums_to_one(sentences, order, context, from_start) -> None:
    model = KneserNey(sentences, order)
    found = model.probabilities(context, from_start=from_start)
    assert found.sum() == pytest.approx(1.0, abs=1e-12) and found.min() > 0
    given_words = ["<s>"] * from_start + context
    ids = {"<unk>": UNKNOWN, "</s>": END}
    ids |= {word: place for place, word in enumerate(model.vocabulary.words, FIRST_WORD)}
    for word, place in ids.items():
        assert found[place] == pytest.approx(slow(sentences, order, given_words, word), rel=1e-9)
    # What is said of a sentence is what the distributions say.
    said = model.log_probabilities(context)
    for place, word in enumerate([*context, None]):
        next_word = END if word is None else ids.get(word, UNKNOWN)
        expected = model.probabilities(context[:place], from_start=True)[next_word]
        assert said[place] == pytest.approx(math.log(expected), rel=1e-9)
    # As does the likeliest word; of several equals, one is.
    likeliest = model.likeliest(context)
    for place, word in enumerate([*context, None]):
        distribution = model.probabilities(context[:place], from_start=True)
        own = distribution[END if word is None else ids.get(word, UNKNOWN)]
        equals = np.isclose(distribution, distribution.max(), rtol=1e-12).sum()
        assert not likeliest[place] or own == pytest.approx(distribution.max(), rel=1e-12)
        assert likeliest[place] or equals > 1 or own < distribution.max()


def test_discounts_are_counts_of_counts_or_the_fallback() -> None:
    # Pairs once: <s> b, b a, a b, b </s>; twice none; <s> a, a </s> three times.
    model = KneserNey([["a"]] * 3 + [["b", "a", "b"]], 2)
    assert model.discounts[1] == FALLBACK_DISCOUNT
    # Pairs met once: a b, b </s>; twice: a </s>; three times: <s> a.
    model = KneserNey([["a"], ["a"], ["a", "b"]], 2)
    assert model.discounts[1] == pytest.approx(2 / (2 + 2 * 1))


def test_more_context_helps_on_text_that_has_some() -> None:
    train = [list("abcabcabc"), list("bcabca"), list("cab")] * 5
    test = [list("abcabc"), list("cabcab")]
    by_order = [KneserNey(train, order).perplexity(test) for order in (1, 2)]
    assert by_order[1] < by_order[0]


def test_rare_words_are_one_unknown_word_that_gets_some_probability() -> None:
    model = KneserNey([["a", "a", "rare"], ["a", "odd"]], 2, smallest_count=2)
    assert model.vocabulary.words == ["a"] and len(model.vocabulary) == 3
    alike = [model.log_probabilities(["a", word])[1] for word in ("rare", "odd", "never")]
    assert alike[0] == alike[1] == alike[2]
    assert model.probabilities(["a"])[UNKNOWN] > 1 / 3
    assert model.parameters > 0


def test_vocabulary_orders_words_by_count_then_text() -> None:
    vocabulary = Vocabulary([["b", "c", "a"], ["c"]])
    assert vocabulary.words == ["c", "a", "b"]
    assert vocabulary.ids(["c", "?", "b"]) == [FIRST_WORD, UNKNOWN, FIRST_WORD + 2]


def test_perplexity_is_the_inverse_geometric_mean() -> None:
    assert perplexity([np.log([0.5, 0.25]), np.log([0.125])]) == pytest.approx(4.0)
    for empty in ([], [np.zeros(0)]):
        with pytest.raises(ValueError, match="no sentence"):
            perplexity(empty)


@pytest.mark.parametrize(
    ("sentences", "order", "message"), [([], 2, "no sentence"), ([["a"]], 0, "order is 0")]
)
def test_a_model_of_nothing_is_refused(sentences, order, message) -> None:
    with pytest.raises(ValueError, match=message):
        KneserNey(sentences, order)


def test_window_network_is_the_papers_formula() -> None:
    network = build(5, 3, embedding_size=4, hidden_size=6)
    random = np.random.default_rng(0)
    network.set_weights([random.normal(size=w.shape) for w in network.get_weights()])
    weights = {weight.path: weight.numpy() for weight in network.weights}
    ids = random.integers(0, 6, (7, 3))
    x = weights["embedding/embeddings"][ids].reshape(7, -1)
    hidden = np.tanh(x @ weights["hidden/kernel"] + weights["hidden/bias"])
    expected = np.concatenate([hidden, x], 1) @ weights["scores/kernel"] + weights["scores/bias"]
    found = keras.ops.convert_to_numpy(network(ids))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    narrower = build(5, 3, embedding_size=4, hidden_size=6, direct=False)
    assert network.count_params() - narrower.count_params() == 5 * 3 * 4


def test_windows_stay_within_their_stream() -> None:
    model = WindowLanguageModel([["a", "b"], ["b"]], 2, embedding_size=2, hidden_size=2)
    start, b, a = len(model.vocabulary), FIRST_WORD, FIRST_WORD + 1
    contexts, targets = model.windows([["a", "b"], [], ["?"]])
    assert targets.tolist() == [a, b, END, END, UNKNOWN, END]
    assert contexts.tolist() == [
        [start, start],
        [start, a],
        [a, b],
        [start, start],
        [start, start],
        [start, UNKNOWN],
    ]


def test_window_model_learns_a_stream_and_gives_distributions() -> None:
    streams = [list("abcd" * 8), list("cdab" * 6)]
    model = WindowLanguageModel(streams, 2, embedding_size=8, hidden_size=8, seed=1)
    untrained = model.perplexity([list("abcd" * 3)])
    history = model.fit([list("abcd" * 4)], epochs=30, batch_size=16, learning_rate=0.03)
    assert len(history["val_loss"]) <= 30
    trained = model.perplexity([list("abcd" * 3)])
    assert trained < 2.0 < untrained
    scored = model.log_probabilities(list("abcd"), batch_size=2)
    assert scored.shape == (5,)
    assert scored == pytest.approx(model.log_probabilities(list("abcd")), rel=1e-5)
    logits = keras.ops.convert_to_numpy(model.network(model.windows([["a"]])[0]))
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    (a,) = model.vocabulary.ids(["a"])
    assert np.exp(model.log_probabilities(["a"])[0]) == pytest.approx(shares[0, a], rel=1e-5)


@pytest.mark.parametrize(
    ("streams", "window", "message"), [([], 2, "no stream"), ([["a"]], 0, "window is 0")]
)
def test_a_window_of_nothing_is_refused(streams, window, message) -> None:
    with pytest.raises(ValueError, match=message):
        WindowLanguageModel(streams, window)
