"""Gradient-boosted trees (scikit-learn) on bags of words, summaries of series, plain columns.

Histogram-based boosting after LightGBM (Ke et al. 2017,
https://papers.nips.cc/paper/6907-lightgbm-a-highly-efficient-gradient-boosting-decision-tree).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from models.baselines.encoders import Columns, Scores, fitted, readable, tree_encoder
from models.options import FeatureOptions

ROUNDS_A_LOOK = 5
"""Rounds between two looks at the validate split."""
PATIENCE = 2
"""Looks without a new best before boosting stops."""
SMALLEST_PROBABILITY = 1e-7


def gradient_boosted_trees(
    features: Mapping[str, FeatureOptions],
    train: Columns,
    labels: Sequence[str],
    validation: Columns,
    validation_labels: Sequence[str],
    test: Columns,
    *,
    vocabulary: int = 200,
    largest_rounds: int = 100,
    tell: Callable[[int, float], None] = lambda rounds, loss: None,
) -> Scores:
    """Boosts until the log loss on the validate split gets no better.

    Args:
        features: options by feature name; kinds of one's own are left out.
        train: raw values by feature.
        labels: of the rows of ``train``.
        validation: raw values by feature.
        validation_labels: of the rows of ``validation``.
        test: raw values by feature of the rows to answer.
        vocabulary: terms counted of a text or tokens feature.
        largest_rounds: a round is a tree for each label (two labels: one tree).
        tell: hears of rounds and the log loss on the validate split, in nats.

    Returns:
        the answers to ``test``, by the best rounds.

    Raises:
        NothingToRead: no row of a feature has a term.
        ValueError: rows and labels differ in number.
    """
    matrices, categorical = _matrices(features, train, labels, (validation, test), vocabulary)
    ours, watched, asked = matrices
    model = HistGradientBoostingClassifier(
        learning_rate=0.2,
        max_leaf_nodes=15,
        categorical_features=categorical,
        early_stopping=False,
        warm_start=True,
        random_state=0,
    )
    best, best_rounds, waited = np.inf, 0, 0
    for rounds in range(ROUNDS_A_LOOK, largest_rounds + 1, ROUNDS_A_LOOK):
        model.set_params(max_iter=rounds).fit(ours, labels)
        loss = _log_loss(model.classes_, model.predict_proba(watched), validation_labels)
        tell(rounds, loss)
        waited += 1
        if loss < best:
            best, best_rounds, waited = loss, rounds, 0
        if waited == PATIENCE:
            break
    stages = list(model.staged_predict_proba(asked))
    return Scores([str(label) for label in model.classes_], stages[best_rounds - 1])


def _matrices(
    features: Mapping[str, FeatureOptions],
    train: Columns,
    labels: Sequence[str],
    others: Sequence[Columns],
    vocabulary: int,
) -> tuple[list[np.ndarray], list[bool]]:
    """Dense matrices ``[rows, columns]`` of the train split and others; which columns are codes."""
    parts: list[list[np.ndarray]] = [[] for _ in (train, *others)]
    categorical: list[bool] = []
    for name in readable(features):
        encoder = tree_encoder(features[name], vocabulary)
        parts[0].append(fitted(encoder, name, train[name], labels))
        for part, columns in zip(parts[1:], others, strict=True):
            part.append(encoder.transform(columns[name]))
        categorical += [features[name].kind == "categorical"] * parts[0][-1].shape[1]
    return [np.concatenate(part, axis=1) for part in parts], categorical


def _log_loss(names: np.ndarray, scores: np.ndarray, labels: Sequence[str]) -> float:
    """Mean log loss, in nats; a label that is not among the names has the smallest probability."""
    truth = np.asarray(labels, object)[:, None] == names[None, :]
    probability = np.where(truth, scores, 0.0).sum(axis=1)
    return float(-np.log(np.clip(probability, SMALLEST_PROBABILITY, 1.0)).mean())
