"""Vectors of a file, laid out by the ids of a feature's tokens; imports no TensorFlow."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from components.embeddings.vectors import opened, read_head, read_vectors
from components.errors import DataError
from models.features.vectors import VectorOptions


def build(
    options: VectorOptions,
    path: str,
    vocabulary: Sequence[str],
    seed: int,
    tell: Callable[[int], None] = lambda words: None,
    first_token: int = 2,
) -> tuple[np.ndarray, np.ndarray]:
    """The embedding matrix of a vocabulary.

    Args:
        options: of the feature's vectors.
        path: a local copy of their file.
        vocabulary: entries, by rank.
        seed: of random vectors.
        tell: hears from time to time how many words were read.
        first_token: id of the vocabulary's first entry: 0 pads, and those between are unknown
            tokens'.

    Returns:
        float32 ``[first_token + vocabulary, size]`` by id (0, the padding, is zeros; those of
        unknown tokens are as ``options.missing`` says), and bool ``[vocabulary]``, which entries
        have a vector.

    Raises:
        DataError: the file is ragged, or has none of the words.
    """
    exact = _rows(vocabulary, lambda token: token)
    lowered = _rows(vocabulary, str.lower) if options.lowercase else {}
    with opened(path) as stream:
        size = read_head(stream, path).size
    matrix = np.zeros((len(vocabulary) + first_token, size), np.float32)
    as_it_is = np.zeros(len(vocabulary), bool)
    found = np.zeros(len(vocabulary), bool)
    with opened(path) as stream:
        for word, vector in read_vectors(stream, path, exact.keys() | lowered.keys(), tell):
            # Of a word that the file repeats, the first vector counts; a token's own before that
            # of its lower case, which it may come after.
            for row in exact.get(word, ()):
                if not as_it_is[row]:
                    matrix[row + first_token] = vector
                    as_it_is[row] = found[row] = True
            for row in lowered.get(word, ()):
                if not found[row]:
                    matrix[row + first_token] = vector
                    found[row] = True
    if not found.any():
        raise DataError(_nothing_found(options, path, vocabulary))
    if options.missing == "random":
        filled = np.flatnonzero(np.concatenate([[False], np.ones(first_token - 1, bool), ~found]))
        deviation = matrix[first_token:][found].std(dtype=np.float64)
        drawn = np.random.default_rng(seed).normal(0.0, deviation, (len(filled), size))
        matrix[filled] = drawn.astype(np.float32)
    return matrix, found


def _rows(vocabulary: Iterable[str], key: Callable[[str], str]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, token in enumerate(vocabulary):
        rows.setdefault(key(token), []).append(row)
    return rows


def _nothing_found(options: VectorOptions, path: str, vocabulary: Sequence[str]) -> str:
    examples = ", ".join(repr(token) for token in vocabulary[:3])
    hint = "" if options.lowercase else ", or set lowercase: true if its words are in lower case"
    return (
        f"{path}: has a vector for none of the {len(vocabulary):,} tokens of the vocabulary "
        f"({examples}, ...); name a file of the text's language{hint}"
    )
