"""What scikit-learn's baselines learn of each kind of feature, the same each time."""

import math
import random

import numpy as np
import pytest

from models.baselines.encoders import Columns, NothingToRead, Scores
from models.baselines.logistic import tfidf_logistic_regression
from models.baselines.majority import TokenLabels, label_frequencies
from models.baselines.networks import bag_of_embeddings, each_step_alone
from models.baselines.summaries import summaries
from models.baselines.trees import gradient_boosted_trees
from models.features.categorical import Options as Categorical
from models.features.numeric import Options as Numeric
from models.features.series import Options as Series
from models.features.text import Options as Text
from models.features.tokens import Options as Tokens
from models.options import FeatureOptions
from models.spec import NetworkOptions

TEXT = {"text": Text(kind="text")}

SHARED = ["the", "film", "was", "seen", "on", "monday"]
TELLING = {"good": ["fine", "superb"], "bad": ["dull", "awful"], "odd": ["weird", "strange"]}


def toy(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts with one telling word each, anywhere among words that tell nothing."""
    source = random.Random(seed)
    texts, labels = [], []
    for row in range(count):
        label = sorted(TELLING)[row % len(TELLING)]
        words = [*source.choices(SHARED, k=5), source.choice(TELLING[label])]
        source.shuffle(words)
        texts.append(" ".join(words))
        labels.append(label)
    return texts, labels


def answered(scores: Scores) -> list[str]:
    assert scores.scores.sum(axis=1) == pytest.approx(1.0)
    return [scores.labels[best] for best in scores.scores.argmax(axis=1)]


def logistic(texts: list[str], labels: list[str], asked: list[str], **options) -> list[str]:
    found = tfidf_logistic_regression(TEXT, {"text": texts}, labels, {"text": asked}, **options)
    return answered(found)


def trees(
    features: dict[str, FeatureOptions], train: Columns, labels: list[str], test: Columns, **options
) -> list[str]:
    """Watched on the train split itself, on which it would never stop."""
    options = {"largest_rounds": 15} | options
    return answered(gradient_boosted_trees(features, train, labels, train, labels, test, **options))


def test_words_that_tell_the_label_are_learnt() -> None:
    texts, labels = toy(60, seed=1)
    assert logistic(*toy(240, seed=0), texts) == labels


def test_pairs_of_words_that_tell_the_label_are_learnt() -> None:
    train = ["dog then cat", "cat then dog"] * 20
    labels = ["dog first", "cat first"] * 20
    assert logistic(train, labels, ["cat then dog", "dog then cat"]) == ["cat first", "dog first"]
    # As tokens too, and in the same words, which no word tells.
    found = tfidf_logistic_regression(
        {"words": Tokens(kind="tokens", lower=True)},
        {"words": [text.split() for text in train]},
        labels,
        {"words": [["CAT", "then", "dog"]]},
    )
    assert answered(found) == ["cat first"]


def test_answers_are_the_same_each_time() -> None:
    texts, labels = toy(90, seed=2)
    noisy = labels[1:] + labels[:1]
    labels = labels[:45] + noisy[45:]
    unseen, _ = toy(50, seed=3)
    columns, asked = {"text": texts}, {"text": unseen}
    first = tfidf_logistic_regression(TEXT, columns, labels, asked)
    assert set(first.labels) == set(labels)
    again = tfidf_logistic_regression(TEXT, columns, labels, asked)
    assert np.array_equal(first.scores, again.scores)
    one, other = (
        gradient_boosted_trees(
            TEXT, columns, labels, columns, labels, asked, largest_rounds=10
        ).scores
        for _ in range(2)
    )
    assert np.array_equal(one, other)


def test_a_text_of_unknown_words_gets_a_label_too() -> None:
    texts, labels = toy(60, seed=0)
    answers = logistic(texts, labels, ["", "qwertz uiop", "superb"])
    assert set(answers) <= set(labels) and answers[2] == "good"


def test_no_more_words_are_kept_than_asked_for() -> None:
    train = ["often fine"] * 9 + ["often dull"] * 9 + ["often often fine"] * 2
    labels = ["good"] * 9 + ["bad"] * 9 + ["good"] * 2
    assert logistic(train, labels, ["fine", "dull"]) == ["good", "bad"]
    narrow = logistic(train, labels, ["fine", "dull"], largest_vocabulary=1)
    assert len(set(narrow)) == 1
    # Trees count the word that tells most, not the one that is most frequent.
    asked = {"text": ["fine", "dull"]}
    many = trees(TEXT, {"text": train * 5}, labels * 5, asked, vocabulary=1)
    assert many == ["good", "bad"]


def test_texts_without_their_labels_are_refused() -> None:
    texts, labels = toy(60, seed=0)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        logistic(texts, labels[:-1], texts)


def test_texts_without_any_word_are_named() -> None:
    columns, labels = {"text": ["!", "?"] * 10}, ["a", "b"] * 10
    with pytest.raises(NothingToRead, match="feature 'text' has no terms"):
        tfidf_logistic_regression(TEXT, columns, labels, columns)
    with pytest.raises(NothingToRead, match="feature 'text' has no terms"):
        gradient_boosted_trees(TEXT, columns, labels, columns, labels, columns)


def test_case_and_blanks_count_where_the_feature_says_so() -> None:
    options = {"text": Text(kind="text", lower=False, tokens="whitespace")}
    train = {"text": ["a-b US", "a-b us"] * 10}
    found = tfidf_logistic_regression(options, train, ["land", "we"] * 10, {"text": ["US", "us"]})
    assert answered(found) == ["land", "we"]
    letters = {"text": Text(kind="text", tokens="characters")}
    train = {"text": ["xay", "xby"] * 10}
    found = tfidf_logistic_regression(letters, train, ["a", "b"] * 10, {"text": ["zza", "bzz"]})
    assert answered(found) == ["a", "b"]


def test_every_kind_tells_beside_the_others() -> None:
    source = np.random.default_rng(0)
    features = {
        "text": Text(kind="text"),
        "shop": Categorical(kind="categorical"),
        "price": Numeric(kind="numeric"),
        "wave": Series(kind="series", depth=2),
    }

    def rows(count: int, tells: str) -> tuple[Columns, list[str]]:
        labels = source.integers(0, 2, count)
        said = {
            name: labels if name == tells else source.integers(0, 2, count) for name in features
        }
        columns = {
            "text": [f"the {('dull', 'fine')[label]} film" for label in said["text"]],
            "shop": [("north", "south")[label] for label in said["shop"]],
            "price": [float(source.normal(5 * label)) for label in said["price"]],
            "wave": [
                np.linspace([0, 0], [0, 3.0 * label], source.integers(3, 9))
                for label in said["wave"]
            ],
        }
        return columns, ["no" if label else "yes" for label in labels]

    for tells in features:
        (train, labels), (test, truth) = rows(300, tells), rows(100, tells)
        for answers in (
            answered(tfidf_logistic_regression(features, train, labels, test)),
            trees(features, train, labels, test),
        ):
            right = np.mean([one == other for one, other in zip(answers, truth, strict=True)])
            assert right > 0.95, tells


def test_boosting_stops_when_the_validate_split_gets_no_better() -> None:
    source = np.random.default_rng(1)
    price = {"price": Numeric(kind="numeric")}
    columns = {"price": list(source.normal(size=200))}
    labels = [str(label) for label in source.integers(0, 2, 200)]
    heard: list[tuple[int, float]] = []
    found = gradient_boosted_trees(
        price,
        columns,
        labels,
        {"price": list(source.normal(size=100))},
        [str(label) for label in source.integers(0, 2, 100)],
        columns,
        tell=lambda rounds, loss: heard.append((rounds, loss)),
    )
    losses = [loss for _, loss in heard]
    best = int(np.argmin(losses))
    # Two further looks without a new best, and the answers are those of the best.
    assert [rounds for rounds, _ in heard] == [5 * (look + 1) for look in range(best + 3)]
    assert len(heard) < 20
    assert answered(found)


def test_categories_beyond_what_a_histogram_holds_are_read() -> None:
    features = {"city": Categorical(kind="categorical")}
    cities = [f"city {number}" for number in range(400)]
    train = {"city": cities + ["home", "away"] * 200}
    labels = ["far"] * 400 + ["near", "far"] * 200
    assert trees(features, train, labels, {"city": ["home", "away", "?"]}) == ["near", "far", "far"]


def test_summaries_are_what_they_say() -> None:
    series = np.array([[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]])
    (one,) = summaries([series])
    slope = np.polyfit([0, 1, 2], series[:, 0], 1)[0]
    deviation = np.std(series[:, 0])
    assert one == pytest.approx(
        [3, 5, deviation, 0, 1, 5, 6, 5, 1, 5, 6, 5, slope, 0, 3], abs=1e-12
    )
    assert summaries([series[:1]])[0] == pytest.approx(
        [1, 5, 0, 0, 1, 5, 1, 5, 1, 5, 1, 5, 0, 0, 1]
    )
    with pytest.raises(ValueError, match="without any step"):
        summaries([series[:0]])


def test_frequencies_count_each_label_once_more() -> None:
    assert label_frequencies(["b", "b", "?"], ["a", "b"]) == pytest.approx([0.25, 0.75])


def test_each_token_has_its_most_frequent_label() -> None:
    names = ["noun", "verb"]
    tokens = [["saw", "saw", "saw", "tree"], ["tree"]]
    labels = [["verb", "noun", "verb", "noun"], ["noun"]]
    model = TokenLabels(tokens, labels, names)
    scores = model.scores(["saw", "tree", "never"])
    assert scores.sum(axis=1) == pytest.approx(1.0)
    assert [names[best] for best in scores.argmax(axis=1)] == ["verb", "noun", "noun"]
    # Noun is met 3 of 5 times, and each label once more: 4/7; half of that is added to a token's.
    assert scores[2] == pytest.approx([4 / 7, 3 / 7])
    assert scores[0] == pytest.approx([(1 + 2 / 7) / 3.5, (2 + 1.5 / 7) / 3.5])
    assert model.parameters == 6
    with pytest.raises(ValueError, match="zip"):
        TokenLabels([["saw"]], [["verb", "noun"]], names)


def test_the_baselines_networks_keep_widths_and_drop_memory() -> None:
    network = NetworkOptions(
        bidirectional=True, units=7, embedding_size=5, dropout=0.25, pooling=("max", "last")
    )
    bag, alone = bag_of_embeddings(network), each_step_alone(network)
    assert (bag.layers, bag.pooling, bag.embedding_size, bag.dropout) == (0, ("mean",), 5, 0.25)
    assert (alone.cell, alone.layers, alone.units, alone.embedding_size) == ("none", 1, 7, 5)
    assert bag_of_embeddings(bag) == bag and each_step_alone(alone) == alone


def test_sequences_of_texts_and_gaps_are_read() -> None:
    texts, labels = toy(60, seed=1)
    features: dict[str, FeatureOptions] = {
        "turns": Text(kind="text", per_step=True),
        "words": Tokens(kind="tokens", per_step=True),
        "found": Text(kind="text", tokens="regex", pattern="[a-z]+"),
        "codes": Text(kind="text", tokens="bytes"),
        "age": Numeric(kind="numeric", missing="mask"),
        "unread": Numeric(kind="numeric", per_step=True),
        "gaps": Series(kind="series", missing="mask"),
    }
    columns = {
        "turns": [[text[:9], text[9:]] for text in texts],
        "words": [[text.split(), []] for text in texts],
        "found": texts,
        "codes": texts,
        "age": [math.nan, 1.0] * 30,
    }
    found = tfidf_logistic_regression(features, columns, labels, columns)
    assert answered(found) == labels
    assert len(trees(features, columns, labels, columns)) == len(labels)
