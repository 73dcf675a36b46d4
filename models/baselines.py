"""Simple models that stand beside the network: a network that does not beat them is not needed."""

from collections.abc import Sequence
from typing import Any

ROWS_FOR_RARE_WORDS = 1000
"""Rows from which on a word that occurs in one of them only is left out."""


def tfidf_logistic_regression(
    train_texts: Sequence[str],
    train_labels: Sequence[str],
    test_texts: Sequence[str],
    *,
    largest_vocabulary: int = 200_000,
) -> list[Any]:
    """TF-IDF of words and word pairs, then logistic regression (scikit-learn).

    Args:
        train_texts: a text a row.
        train_labels: its label.
        test_texts: texts to answer.
        largest_vocabulary: words and pairs kept, the most frequent ones.

    Returns:
        a label for each of ``test_texts``.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(
            sublinear_tf=True,
            ngram_range=(1, 2),
            token_pattern=r"(?u)\b\w+\b",
            min_df=2 if len(train_texts) >= ROWS_FOR_RARE_WORDS else 1,
            max_features=largest_vocabulary,
        ),
        LogisticRegression(C=10.0, max_iter=300),
    )
    model.fit(train_texts, train_labels)
    return list(model.predict(test_texts))
