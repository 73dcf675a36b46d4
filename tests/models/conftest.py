"""Plain stand-ins for what Transform learns: vocabularies are given, nothing is analysed."""

from collections.abc import Callable

import pytest


class PlainLearnt:
    """Vocabularies by name, as the network reads them."""

    def __init__(self, vocabularies: dict[str, list[str]]) -> None:
        self._vocabularies = vocabularies

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
