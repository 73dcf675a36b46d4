"""Pretrained vectors of a feature's tokens; imports no TensorFlow."""

from collections.abc import Mapping
from typing import Literal

from models.options import FeatureOptions, Options


class VectorOptions(Options):
    """Pretrained word vectors in the place of an embedding that is learnt from nothing.

    Attributes:
        file: text file of vectors, a word and its numbers a line, with or without word2vec's
            header ``COUNT SIZE``; ``.gz`` is unpacked; a relative path starts at the experiment
            file's folder.
        trained: whether training changes the vectors; else they stay as the file has them.
        lowercase: looks a token up in lower case where the file does not have it as it stands.
        missing: what tokens without a vector get, and the one id of all tokens outside the
            vocabulary: ``random``, drawn from a normal distribution with mean 0 and the deviation
            of all numbers found, so that words stay apart even if nothing is trained; or ``zero``.
    """

    file: str
    trained: bool = False
    lowercase: bool = False
    missing: Literal["random", "zero"] = "random"


def vectors_of(options: FeatureOptions) -> VectorOptions | None:
    """The pretrained vectors that a feature asks for, if its kind can have them and it does."""
    found = getattr(options, "vectors", None)
    return found if isinstance(found, VectorOptions) else None


def features_with_vectors(features: Mapping[str, FeatureOptions]) -> dict[str, VectorOptions]:
    """Those of some features, by name, that ask for pretrained vectors."""
    found = {name: vectors_of(options) for name, options in features.items()}
    return {name: vectors for name, vectors in found.items() if vectors is not None}


def reads_embedding_size(features: Mapping[str, FeatureOptions]) -> bool:
    """Whether a feature's embedding is as wide as the network's ``embedding_size`` says."""
    return any(options.embedded and vectors_of(options) is None for options in features.values())
