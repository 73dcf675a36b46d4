"""Nearest neighbours in embedding space, by cosine."""

import keras
import numpy as np


def embedding_matrix(network: keras.Model, feature: str) -> np.ndarray:
    """The vectors of a feature's embedding, float32 ``[ids, units]``.

    Raises:
        ValueError: the network has no embedding of that name.
    """
    name = f"{feature}.embedding"
    if name not in {layer.name for layer in network.layers}:
        raise ValueError(f"the network does not embed a feature named {feature!r}")
    return np.asarray(network.get_layer(name).get_weights()[0], np.float32)


def nearest(vectors: np.ndarray, row: int, count: int) -> list[tuple[int, float]]:
    """The rows whose vectors point the same way, the nearest first.

    Args:
        vectors: ``[rows, units]``.
        row: of the vector that is asked about; it is not among its neighbours.
        count: how many, at most.

    Returns:
        rows and their cosines, from -1 to 1; a vector of zeros has the cosine 0 with every other.
    """
    precise = np.asarray(vectors, np.float64)
    sizes = np.linalg.norm(precise, axis=1)
    cosines = precise @ precise[row] / np.maximum(sizes * sizes[row], np.finfo(np.float64).tiny)
    order = [int(other) for other in np.argsort(-cosines, kind="stable") if other != row]
    return [(other, float(cosines[other])) for other in order[:count]]
