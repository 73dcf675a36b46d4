"""Sentences from the docstrings of installed libraries."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.corpora.spec import BuiltSet, Progress

if TYPE_CHECKING:
    from pipeline.corpora.docstrings import CorpusReport


def _build(path: Path, *, force: bool, progress: Progress) -> "CorpusReport":
    from pipeline.corpora.docstrings import build

    return build(path, force=force, progress=progress)


SET = BuiltSet(
    name="docstrings",
    what="sentences from the docstrings of the installed libraries, and which one each is from",
    task="classify",
    size="16,000 rows, 2.5 MB",
    licence="each library's own; all of them are installed here",
    citation="none",
    home="pipeline/corpora/docstrings.py",
    folder="data",
    file="docstrings.jsonl",
    build=_build,
)
