"""Which sentences of a labelled corpus are kept: no repeats, no give-aways, equal classes.

Every choice depends on the content alone: candidates may come in any order, and ties are broken
by a hash of the text, so that equal candidates give equal rows everywhere.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.corpora import prose


class Row(NamedTuple):
    """One labelled sentence and the dotted name of the module it was found in."""

    sentence: str
    library: str
    module: str


@dataclass(frozen=True)
class Limits:
    """How many rows a corpus has and how far they may repeat or concentrate."""

    rows_per_library: int = 2000
    minimum_rows: int = 15_000
    modules_per_library: int = 640
    # At most this share of a library's rows may come from one of its modules.
    module_share: float = 0.05
    # A run of this many words may occur this often; beyond, it is a template being filled in.
    phrase_words: int = 6
    phrase_uses: int = 2
    # A name is a give-away if this share of its balanced use falls on one library.
    name_share: float = 0.95


def content_hash(text: str) -> str:
    """Return a hash of a text that puts texts into a stable, shuffled-looking order."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def select(
    candidates: Iterable[Row], modules: Collection[str], limits: Limits
) -> tuple[list[Row], Counter[str]]:
    """Return the corpus rows in their final order, and how many were removed by reason.

    `modules` holds the dotted names of all modules read; their last parts are possible give-aways.
    """
    removed: Counter[str] = Counter()
    rows = _without_duplicates(candidates, removed)
    telling = telling_names(rows, modules, limits.name_share)
    plain = [row for row in rows if telling.isdisjoint(prose.words_of(row.sentence))]
    removed["distinctive name"] += len(rows) - len(plain)
    plain.sort(key=lambda row: (content_hash(row.sentence), row))
    fresh = _without_templates(plain, limits)
    removed["template phrase"] += len(plain) - len(fresh)
    balanced = _balanced(fresh, limits)
    removed["over the cap"] += len(fresh) - len(balanced)
    return balanced, removed


def telling_names(rows: Sequence[Row], modules: Collection[str], share: float) -> set[str]:
    """Return the names that nearly always mean one library.

    A name is a part of a module's dotted path or a word that is written with a capital in the
    middle of sentences. Ordinary words are left alone however much one library likes them.
    """
    parts = {part for module in modules for part in module.lower().replace("_", ".").split(".")}
    sizes: Counter[str] = Counter()
    uses: defaultdict[str, Counter[str]] = defaultdict(Counter)
    capitalised: Counter[str] = Counter()
    inner: Counter[str] = Counter()
    for row in rows:
        sizes[row.library] += 1
        for word in set(prose.words_of(row.sentence)):
            uses[word][row.library] += 1
        for word in row.sentence.split()[1:]:
            for piece in prose.words_of(word):
                inner[piece] += 1
                capitalised[piece] += word.lstrip("\"'(")[:1].isupper()
    names = {part for part in parts if len(part) > 2}
    names.update(word for word, count in inner.items() if capitalised[word] >= 0.7 * count)
    telling = set()
    for name in names & uses.keys():
        rates = [count / sizes[library] for library, count in uses[name].items()]
        if max(rates) >= share * sum(rates):
            telling.add(name)
    return telling


def _without_duplicates(candidates: Iterable[Row], removed: Counter[str]) -> list[Row]:
    kept: dict[str, Row] = {}
    libraries: defaultdict[str, set[str]] = defaultdict(set)
    total = 0
    for row in candidates:
        total += 1
        key = prose.duplicate_key(row.sentence)
        libraries[key].add(row.library)
        kept[key] = min(row, kept.get(key, row))
    rows = [row for key, row in kept.items() if len(libraries[key]) == 1]
    removed["in several libraries"] += len(kept) - len(rows)
    removed["duplicate"] += total - len(kept)
    return rows


def _without_templates(rows: Sequence[Row], limits: Limits) -> list[Row]:
    uses: Counter[str] = Counter()
    fresh = []
    for row in rows:
        words = prose.duplicate_key(row.sentence).split()
        starts = range(max(1, len(words) - limits.phrase_words + 1))
        phrases = {" ".join(words[start : start + limits.phrase_words]) for start in starts}
        if all(uses[phrase] < limits.phrase_uses for phrase in phrases):
            uses.update(phrases)
            fresh.append(row)
    return fresh


def _balanced(rows: Sequence[Row], limits: Limits) -> list[Row]:
    """Take rows of each library by turns from its modules; the order of the rows stays."""
    most_of_a_module = max(1, int(limits.module_share * limits.rows_per_library))
    rank_in_module: Counter[tuple[str, str]] = Counter()
    turns: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for position, row in enumerate(rows):
        rank = rank_in_module[row.library, row.module]
        rank_in_module[row.library, row.module] += 1
        if rank < most_of_a_module:
            turns[row.library].append((rank, position))
    taken = {
        position
        for library_turns in turns.values()
        for _, position in sorted(library_turns)[: limits.rows_per_library]
    }
    return [row for position, row in enumerate(rows) if position in taken]
