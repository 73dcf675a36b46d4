"""A look at the vector files of an experiment before anything heavy starts; no TensorFlow."""

import gzip
import os

from components.embeddings.spec import EmbeddingsConfig
from components.embeddings.vectors import opened, read_head
from components.errors import DataError

FIRST_BYTES = 2**20
"""How much of a packed file tells how large it is unpacked."""


def is_remote(path: str) -> bool:
    """Whether a path is none of this machine's."""
    return "://" in path


def check_vectors(config: EmbeddingsConfig) -> dict[str, int]:
    """Reads the first lines of every local file.

    Returns:
        numbers a word, by feature whose file is local.

    Raises:
        DataError: a file is missing or its first lines are ragged, or the experiment asks for
            another width.
    """
    sizes = {}
    for name, feature in config.features.items():
        path = feature.vectors.file
        if not is_remote(path):
            with opened(path) as stream:
                sizes[name] = read_head(stream, path).size
            check_size(config, name, sizes[name])
    return sizes


def check_size(config: EmbeddingsConfig, name: str, size: int) -> None:
    """Whether the width of a feature's vectors is what the experiment states, if it does.

    Raises:
        DataError: it is not.
    """
    if config.embedding_size not in (None, size):
        raise DataError(
            f"network.embedding_size is {config.embedding_size}, but {size} numbers a word are in "
            f"{config.features[name].vectors.file}, the vectors of feature {name!r} (leave "
            f"embedding_size out, or write {size})"
        )


def unpacked_bytes(path: str) -> float:
    """Size of a local file of vectors, unpacked; of a packed one estimated from its beginning.

    Raises:
        DataError: it cannot be read.
    """
    with opened(path) as stream:
        size = float(os.path.getsize(path))
        if not path.endswith(".gz"):
            return size
        begin = stream.read(FIRST_BYTES)
        if len(begin) < FIRST_BYTES:
            return float(len(begin))
    return size * len(begin) / len(gzip.compress(begin))
