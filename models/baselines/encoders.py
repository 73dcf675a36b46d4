"""What scikit-learn's models read of a row: each feature's raw value as some numbers.

A row is read whole, whatever ``max_length`` the network keeps of it; of a sequence of texts or of
lists of tokens (``per_step``), all terms together.  Sounds, pictures and sequences of categories or
numbers are not read, nor are series with missing numbers, nor kinds of one's own: only their
authors know what their values mean.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import chi2
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from models.baselines.summaries import summaries
from models.features.per_step import is_per_step
from models.options import FeatureOptions
from models.raw import RawValue

Columns = Mapping[str, Sequence[RawValue]]
"""Raw values by feature, a value a row; a series is ``[time, depth]``."""

WORDY = ("text", "tokens")
READ = (*WORDY, "categorical", "numeric", "series")
"""The kinds that are read."""

TERM_PATTERNS = {"words": r"(?u)\b\w+\b", "whitespace": r"\S+"}
LARGEST_ONE_HOT = 1000
LARGEST_CODE = 254
"""What scikit-learn's histograms hold of a category, beside a bin for what is missing."""


class Scores(NamedTuple):
    """A model's answers.

    Attributes:
        labels: in the order of the scores.
        scores: probabilities, float64 ``[rows, labels]``.
        parameters: numbers that were fitted, where the model has a fixed set of them.
    """

    labels: list[str]
    scores: np.ndarray
    parameters: int | None = None


class NothingToRead(ValueError):
    """No row of a text or tokens feature has a term; the message names the feature."""


def fitted(encoder: Any, name: str, values: Sequence[RawValue], labels: Sequence[str]) -> Any:
    """What an encoder learns and makes of a feature's raw values, ``[rows, columns]``.

    Raises:
        NothingToRead: see there.
    """
    try:
        return encoder.fit_transform(values, labels)
    except ValueError as error:
        # scikit-learn's vectorizers have no error of their own for it.
        if "vocabulary" in str(error) or "no terms remain" in str(error):
            raise NothingToRead(f"feature {name!r} has no terms to count: {error}") from error
        raise


def wordy(features: Mapping[str, FeatureOptions]) -> list[str]:
    """Names of the features that are text or tokens."""
    return [name for name, options in features.items() if options.kind in WORDY]


def readable(features: Mapping[str, FeatureOptions]) -> list[str]:
    """Names of the features of kinds that are read."""
    return [name for name, options in features.items() if _is_read(options)]


def _is_read(options: FeatureOptions) -> bool:
    if options.kind in WORDY:
        return True
    gaps = options.kind == "series" and options.raw.nullable
    return options.kind in READ and not is_per_step(options) and not gaps


def linear_encoder(options: FeatureOptions, smallest_count: int, largest_vocabulary: int) -> Any:
    """A transformer from a feature's raw values ``[rows]`` to scaled columns, for linear models.

    Text and tokens become TF-IDF of single terms and pairs of neighbours (of characters, up to
    three); categories one column each; numbers and the summary of a series mean 0, deviation 1,
    with the mean in place of a missing number and a column that says so.

    Args:
        options: the feature's.
        smallest_count: rows that a term occurs in at least.
        largest_vocabulary: terms kept, the most frequent ones.
    """
    if options.kind in WORDY:
        return TfidfVectorizer(
            sublinear_tf=True,
            min_df=smallest_count,
            max_features=largest_vocabulary,
            **_terms(options, longest=2),
        )
    if options.kind == "categorical":
        one_hot = OneHotEncoder(handle_unknown="ignore", max_categories=LARGEST_ONE_HOT)
        return make_pipeline(FunctionTransformer(_strings), one_hot)
    steps = [SimpleImputer(add_indicator=True)] if options.raw.nullable else []
    return make_pipeline(_numbers(options), *steps, StandardScaler())


def tree_encoder(options: FeatureOptions, vocabulary: int) -> Any:
    """A transformer from a feature's raw values ``[rows]`` to few dense columns, for trees.

    Text and tokens become counts of the terms that tell most of the label by their chi-square;
    categories their codes; numbers and the summary of a series stay as they are.

    Args:
        options: the feature's.
        vocabulary: terms counted, at most.
    """
    if options.kind in WORDY:
        terms = CountVectorizer(dtype=np.float32, **_terms(options, longest=1))
        return make_pipeline(terms, _Telling(vocabulary))
    if options.kind == "categorical":
        codes = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=LARGEST_CODE
        )
        return make_pipeline(FunctionTransformer(_strings), codes)
    return _numbers(options)


class _Telling(TransformerMixin, BaseEstimator):
    """Keeps the columns that tell most of the label; dense.

    Args:
        columns: kept, at most.
    """

    def __init__(self, columns: int):
        self.columns = columns

    def fit(self, counts: Any, labels: Sequence[str]) -> "_Telling":
        told = np.nan_to_num(chi2(counts, labels)[0])
        self.kept_ = np.sort(np.argsort(-told, kind="stable")[: self.columns])
        return self

    def fit_transform(self, counts: Any, labels: Sequence[str]) -> np.ndarray:
        return self.fit(counts, labels).transform(counts)

    def transform(self, counts: Any) -> np.ndarray:
        return counts[:, self.kept_].toarray()


def _terms(options: Any, longest: int) -> dict[str, Any]:
    """How a vectorizer cuts a value to terms, in runs of up to ``longest`` neighbours."""
    ours = options.kind == "tokens" or options.tokens == "regex" or is_per_step(options)
    if ours:
        cut: dict[str, Any] = {"tokenizer": options.tokens_of, "token_pattern": None}
        return cut | {"lowercase": False, "ngram_range": (1, longest)}
    if options.tokens in ("characters", "bytes"):
        span = (1, longest + 1 if longest > 1 else 1)
        return {"analyzer": "char", "ngram_range": span, "lowercase": options.lower}
    return {
        "token_pattern": TERM_PATTERNS[options.tokens],
        "ngram_range": (1, longest),
        "lowercase": options.lower,
    }


def _numbers(options: FeatureOptions) -> Any:
    read: Callable[[Any], np.ndarray] = summaries if options.kind == "series" else _floats
    return FunctionTransformer(read)


def _floats(values: Sequence[float]) -> np.ndarray:
    return np.asarray(values, np.float64).reshape(-1, 1)


def _strings(values: Sequence[str]) -> np.ndarray:
    return np.asarray(values, object).reshape(-1, 1)
