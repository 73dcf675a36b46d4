"""TF-IDF with logistic regression (scikit-learn): what words and pairs of words tell.

Of one label of several, or of each label of a set by itself (one regression a label).
"""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from models.baselines.encoders import Columns, Scores, fitted, linear_encoder, readable
from models.options import FeatureOptions

ROWS_FOR_RARE_TERMS = 1000
"""Rows from which on a term that occurs in one of them only is left out."""


def tfidf_logistic_regression(
    features: Mapping[str, FeatureOptions],
    train: Columns,
    labels: Sequence[str],
    test: Columns,
    *,
    largest_vocabulary: int = 200_000,
) -> Scores:
    """TF-IDF of text and tokens, other features beside it, then logistic regression.

    Args:
        features: options by feature name; kinds of one's own are left out.
        train: raw values by feature.
        labels: of the rows of ``train``.
        test: raw values by feature of the rows to answer.
        largest_vocabulary: terms kept of a feature, the most frequent ones.

    Returns:
        the answers to ``test``; parameters are the regression's coefficients and intercepts.

    Raises:
        NothingToRead: no row of a feature has a term.
        ValueError: rows and labels differ in number.
    """
    ours, theirs = _encoded(features, train, labels, test, largest_vocabulary)
    model = _fitted(ours, labels)
    parameters = model.coef_.size + model.intercept_.size
    return Scores([str(label) for label in model.classes_], model.predict_proba(theirs), parameters)


def tfidf_regression_a_label(
    features: Mapping[str, FeatureOptions],
    train: Columns,
    sets: Sequence[frozenset[str]],
    test: Columns,
    names: Sequence[str],
    *,
    largest_vocabulary: int = 200_000,
) -> Scores:
    """As ``tfidf_logistic_regression``, whether each label is in a row's set.

    Args:
        features: see there.
        train: see there.
        sets: of the rows of ``train``.
        test: see there.
        names: the labels that are answered.
        largest_vocabulary: see there.

    Returns:
        the answers to ``test`` in the order of ``names``, each by itself; a label that all rows of
        ``train`` have, or none has, is scored with its share.

    Raises:
        NothingToRead: no row of a feature has a term.
        ValueError: rows and sets differ in number.
    """
    together = ["\n".join(sorted(labels)) for labels in sets]
    ours, theirs = _encoded(features, train, together, test, largest_vocabulary)
    scores, parameters = np.zeros((theirs.shape[0], len(names))), 0
    for place, name in enumerate(names):
        there = np.array([name in labels for labels in sets])
        if there.all() or not there.any():
            scores[:, place] = there.mean()
            continue
        model = _fitted(ours, there)
        scores[:, place] = model.predict_proba(theirs)[:, 1]
        parameters += model.coef_.size + model.intercept_.size
    return Scores(list(names), scores, parameters)


def _encoded(
    features: Mapping[str, FeatureOptions],
    train: Columns,
    labels: Sequence[str],
    test: Columns,
    largest_vocabulary: int,
) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]:
    """The features of ``train`` and of ``test`` side by side, ``[rows, columns]``."""
    smallest_count = 2 if len(labels) >= ROWS_FOR_RARE_TERMS else 1
    encoded = []
    for name in readable(features):
        encoder = linear_encoder(features[name], smallest_count, largest_vocabulary)
        ours = fitted(encoder, name, train[name], labels)
        encoded.append((ours, encoder.transform(test[name])))
    ours, theirs = (
        scipy.sparse.hstack(parts, format="csr") for parts in zip(*encoded, strict=True)
    )
    return ours, theirs


def _fitted(matrix: scipy.sparse.csr_matrix, labels: Sequence[object]) -> LogisticRegression:
    model = LogisticRegression(C=10.0, max_iter=300)
    with warnings.catch_warnings():
        # The last of 300 iterations is as good an answer as the converged one.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(matrix, labels)
    return model
