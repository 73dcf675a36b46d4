"""TF-IDF with logistic regression (scikit-learn): what words and pairs of words tell."""

import warnings
from collections.abc import Mapping, Sequence

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
    smallest_count = 2 if len(labels) >= ROWS_FOR_RARE_TERMS else 1
    encoded = []
    for name in readable(features):
        encoder = linear_encoder(features[name], smallest_count, largest_vocabulary)
        ours = fitted(encoder, name, train[name], labels)
        encoded.append((ours, encoder.transform(test[name])))
    model = LogisticRegression(C=10.0, max_iter=300)
    ours, theirs = (
        scipy.sparse.hstack(parts, format="csr") for parts in zip(*encoded, strict=True)
    )
    with warnings.catch_warnings():
        # The last of 300 iterations is as good an answer as the converged one.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(ours, labels)
    parameters = model.coef_.size + model.intercept_.size
    return Scores([str(label) for label in model.classes_], model.predict_proba(theirs), parameters)
