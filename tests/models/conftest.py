"""Plain stand-ins for what Transform learns: vocabularies are given, nothing is analysed."""

from collections.abc import Callable

import numpy as np
import pytest


class PlainLearnt:
    """Vocabularies and pretrained vectors by name, as the network reads them."""

    def __init__(
        self,
        vocabularies: dict[str, list[str]],
        vectors: dict[str, np.ndarray] | None = None,
    ) -> None:
        self._vocabularies = vocabularies
        self._vectors = vectors or {}

    def vectors(self, name: str) -> np.ndarray:
        return self._vectors[name]

    def vocabulary_size(self, name: str) -> int:
        return len(self._vocabularies[name])

    def vocabulary(self, name: str) -> list[str]:
        return self._vocabularies[name]


@pytest.fixture(scope="session")
def plain_learnt() -> Callable[[dict[str, list[str]]], PlainLearnt]:
    return PlainLearnt


@pytest.fixture(scope="session")
def plain_analyzers() -> Callable:
    from plain import PlainAnalyzers

    return PlainAnalyzers
