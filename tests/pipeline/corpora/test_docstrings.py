"""Tests of the docstring corpus: cleaning, selection, and the files that are written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpora import docstrings, prose, selection
from pipeline.corpora.libraries import Library, Source, installed_sources
from pipeline.corpora.selection import Limits, Row

REPOSITORY = Path(__file__).resolve().parents[3]
LIMITS = Limits(
    rows_per_library=20, minimum_rows=30, module_share=0.5, phrase_uses=100, name_share=2.0
)
VERBS = ("opens", "closes", "sorts", "merges", "splits", "counts", "copies", "draws", "sends")
THINGS = ("door", "window", "letter", "basket", "garden", "river", "ladder", "bottle")


def write_library(folder: Path, package: str, subject: str) -> Source:
    """Write a package of three modules whose docstrings tell what its subject does."""
    root = folder / package
    (root / "inner" / "tests").mkdir(parents=True)
    sentences = [
        f"The {subject} quietly {verb} every {thing} that is left in the {subject} yard."
        for verb in VERBS
        for thing in THINGS
    ]
    for position, name in enumerate(("__init__", "first", "inner/__init__")):
        functions = "\n".join(
            f'def f{number}():\n    """{sentence}\n\n    It belongs to {package} and to no one.\n'
            f'    Everyone knows the same old story by now.\n    """\n'
            for number, sentence in enumerate(sentences[position::3])
        )
        (root / f"{name}.py").write_text(functions, encoding="utf-8")
    hidden = '"""This sentence is in a test and must not be in the corpus."""\n'
    (root / "inner" / "tests" / "test_it.py").write_text(hidden, encoding="utf-8")
    (root / "broken.py").write_text('def (:\n    """Nothing to see."""\n', encoding="utf-8")
    return Source(Library(package, package, package, (package,)), root, "1.0")


@pytest.fixture
def sources(tmp_path: Path) -> list[Source]:
    """Two small libraries."""
    return [
        write_library(tmp_path, "alphalib", "carpenter"),
        write_library(tmp_path, "betalib", "gardener"),
    ]


def rows_in(path: Path) -> list[Row]:
    """Read a corpus file."""
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def test_only_prose_is_taken_from_a_docstring() -> None:
    """Doctests, code, tables, sections, links and definitions all go."""
    docstring = """Return the mean of the values, as one would expect.

    A second paragraph runs over
    two lines (e.g. this one). It has another sentence.

    - A bullet with a sentence of its own.
    1. A number with a sentence of its own.

    >>> print("A doctest is not prose at all.")
    The output of it is not prose either.

    A block follows this paragraph::

        The literal block is not prose.

    ```
    The fenced block is not prose.
    ```

    | a | b |
    |---|---|
    | The table is | not prose. |

    Parameters
    ----------
    axis : int, optional
        The label of the item. What follows the label is prose.

    Returns:
      value: The label again. What follows it is prose too.

    .. versionadded:: 1.2
        The directive is not prose.

    .. note:: The note is prose.

    References
    ----------
    .. [1] The paper has a title. It is not prose.
    The reference list is not prose.
    """
    assert prose.sentences_of(docstring) == [
        "Return the mean of the values, as one would expect.",
        "A second paragraph runs over two lines (e.g. this one).",
        "It has another sentence.",
        "A bullet with a sentence of its own.",
        "A number with a sentence of its own.",
        "A block follows this paragraph:",
        "What follows the label is prose.",
        "What follows it is prose too.",
        "The note is prose.",
    ]


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("Pass ``axis`` and `keep` to it.", "Pass axis and keep to it."),
        ("See :class:`~a.b.Thing` or :func:`text <a.b>`.", "See a.b.Thing or text."),
        ("A **bold** and *slanted* word .", "A bold and slanted word."),
        ("Read [the guide](https://x.org/a) first.", "Read the guide first."),
        ("It is \u201cquoted\u201d  and\tspaced [1]_.", 'It is "quoted" and spaced.'),
        ("``*nested*``", "nested"),
    ],
)
def test_clean_strips_markup(marked: str, plain: str) -> None:
    """Markup goes, words stay."""
    assert prose.clean(marked) == plain


@given(st.text() | st.text(alphabet="`*_:[]()<> ab.!\n\u2013\u201c"))
def test_clean_is_idempotent_and_total(text: str) -> None:
    """Any text can be cleaned, and a second time changes nothing."""
    once = prose.clean(text)
    assert prose.clean(once) == once
    prose.fault_of(once)


@given(st.text() | st.text(alphabet="`*-=:.#>|~ aA\n\0"))
def test_any_text_can_be_read_as_a_docstring(text: str) -> None:
    """No text makes the extraction fail, and no sentence has a line break."""
    assert not any("\n" in sentence for sentence in prose.sentences_of(text))


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        ("The result is a copy of the input, e.g. for safe keeping.", None),
        ("Read more about it in the guide at https://a.org/b for now.", "url"),
        ("The result of this_function is a copy of the input.", "identifier"),
        ("The result of a.b.c is a copy of the input.", "identifier"),
        ("The result is a DataFrame with a copy of the input.", "identifier"),
        ("The result is true if a >= b for all of the input.", "symbols"),
        ("It is short.", "length"),
        ("the result is a copy of all of the input.", "no whole sentence"),
        ("The result is a copy of all of the input", "no whole sentence"),
        ("This is deprecated and will be removed in the next release.", "boilerplate"),
        ("The software is under the licence that is given here.", "boilerplate"),
        ("Compute x y z w v u t by the q.", "few ordinary words"),
        ("Compute principal component scores using randomised projections.", "few ordinary words"),
        ("The result is a copy (of all of the input.", "unbalanced"),
    ],
)
def test_faults(sentence: str, fault: str | None) -> None:
    """Each kind of text that is no prose is told by name."""
    assert prose.fault_of(sentence) == fault


def test_names_are_found_as_words() -> None:
    """Names count as whole words in any case, long ones also as a beginning."""
    names = ("np", "pandas", "apache beam")
    assert prose.names_any("It uses NP-style rules.", names)
    assert prose.names_any("It is Pandaslike.", names)
    assert prose.names_any("Run it on Apache\u00a0Beam.", names)
    assert not prose.names_any("The input is apache.", names)


def test_duplicates_within_and_across_libraries_go() -> None:
    """Sentences that differ in case, signs or numbers are one; shared ones are dropped."""
    candidates = [
        Row("The list has 3 items in all.", "one", "one.b"),
        Row("the list has 17 items, in all!", "one", "one.a"),
        Row("A common sentence of both libraries.", "one", "one.a"),
        Row("A common sentence of both libraries.", "two", "two.a"),
    ]
    rows, removed = selection.select(candidates, (), LIMITS)
    assert len(rows) == 1
    assert removed["duplicate"] == 2
    assert removed["in several libraries"] == 1
    assert selection.select(reversed(candidates), (), LIMITS) == (rows, removed)


def test_template_phrases_are_kept_twice_only() -> None:
    """A phrase that is filled in again and again stays in two sentences."""
    candidates = [
        Row(f"Returns the current value of the setting {word}.", "one", "one.a")
        for word in ("door", "tree", "lamp", "road", "wall")
    ]
    rows, removed = selection.select(candidates, (), replace(LIMITS, phrase_uses=2))
    assert len(rows) == 2
    assert removed["template phrase"] == 3


def test_names_of_modules_and_proper_names_are_told_from_ordinary_words() -> None:
    """Only names that fall on one library are telling, and never ordinary words."""
    rows = [
        Row("The chunker of Treebank reads words.", "one", "one.chunker"),
        Row("The reader of Treebank reads words.", "one", "one.chunker"),
        Row("The reader of input reads numbers.", "two", "two.reader"),
    ]
    modules = ("one.chunker", "two.reader")
    assert selection.telling_names(rows, modules, 0.9) == {"chunker", "treebank"}


def test_no_module_has_more_than_its_share() -> None:
    """A large module does not crowd out small ones."""
    words = [first + second for first in "bdfgk" for second in "aeiou"]
    candidates = [Row(f"{word} x {word} y.", "one", "one.large") for word in words]
    candidates += [Row(f"{word} small {word} z.", "one", f"one.{word}") for word in words[:10]]
    rows, _ = selection.select(candidates, (), LIMITS)
    modules = Counter(row.module for row in rows)
    assert modules["one.large"] == 10
    assert len(modules) == 11


def test_build_writes_a_balanced_corpus_and_its_description(
    tmp_path: Path, sources: list[Source]
) -> None:
    """Rows are equal per library, named by module, and free of the libraries' names."""
    output = tmp_path / "out" / "corpus.jsonl"
    seen: list[tuple[int, int, str]] = []
    report = docstrings.build(
        output,
        sources=sources,
        limits=LIMITS,
        processes=1,
        progress=lambda done, total, what: seen.append((done, total, what)),
    )
    rows = rows_in(output)
    assert report.built
    assert report.per_library == {"alphalib": 20, "betalib": 20}
    assert report.rows == len(rows) == 40
    assert {row.module for row in rows if row.library == "alphalib"} == {
        "alphalib",
        "alphalib.first",
        "alphalib.inner",
    }
    for row in rows:
        assert not prose.names_any(row.sentence, ("alphalib", "betalib"))
        assert "test" not in row.sentence
    assert seen[-1][:2] == (8, 8)
    about = json.loads(docstrings.about_path(output).read_text(encoding="utf-8"))
    assert about["versions"] == report.versions == {"alphalib": "1.0", "betalib": "1.0"}
    assert about["modules_per_library"] == {"alphalib": 3, "betalib": 3}
    assert about["removed"]["library name"] == 144
    assert about["removed"]["unreadable file"] == 2
    assert about["removed"]["in several libraries"] == 1
    assert sorted(path.name for path in output.parent.iterdir()) == [
        "corpus.about.json",
        "corpus.jsonl",
    ]


def test_processes_and_hash_seed_do_not_change_the_bytes(
    tmp_path: Path, sources: list[Source]
) -> None:
    """One process here and two in an interpreter with another hash seed give the same file."""
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    docstrings.build(here, sources=sources, limits=LIMITS, processes=1)
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from pipeline.corpora import docstrings\n"
        "from pipeline.corpora.libraries import Library, Source\n"
        "from pipeline.corpora.selection import Limits\n"
        "if __name__ == '__main__':\n"
        f"    sources = [Source(Library(n, n, n, (n,)), Path({str(tmp_path)!r}, n), '1.0')\n"
        "        for n in ('alphalib', 'betalib')]\n"
        "    docstrings._FILES_PER_TASK = 2\n"
        "    assert 'tensorflow' not in sys.modules\n"
        f"    docstrings.build(Path({str(there)!r}), sources=sources, processes=2,\n"
        f"        limits={LIMITS!r})\n",
        encoding="utf-8",
    )
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "7",
        "LC_ALL": "C",
        "PYTHONPATH": str(REPOSITORY),
    }
    subprocess.run([sys.executable, str(script)], env=environment, check=True, timeout=60)
    assert there.read_bytes() == here.read_bytes()
    assert docstrings.about_path(there).read_bytes() == docstrings.about_path(here).read_bytes()


def test_an_unchanged_corpus_is_left_alone(tmp_path: Path, sources: list[Source]) -> None:
    """It is built again only if asked, damaged, or of other versions."""
    output = tmp_path / "corpus.jsonl"

    def build(chosen: list[Source], force: bool = False) -> docstrings.CorpusReport:
        return docstrings.build(output, sources=chosen, limits=LIMITS, processes=1, force=force)

    first = build(sources)
    content = output.read_bytes()
    second = build(sources)
    assert (first.built, second.built) == (True, False)
    assert second.per_library == first.per_library
    assert build(sources, force=True).built
    output.write_bytes(content[:-10])
    assert build(sources).built
    assert output.read_bytes() == content
    newer = [Source(source.library, source.root, "2.0") for source in sources]
    assert build(newer).built


def test_too_few_sentences_is_an_error_that_names_the_counts(
    tmp_path: Path, sources: list[Source]
) -> None:
    """Nothing is written then."""
    output = tmp_path / "corpus.jsonl"
    with pytest.raises(docstrings.TooFewSentencesError, match=r"alphalib 72, betalib 72"):
        docstrings.build(
            output,
            sources=sources,
            processes=1,
            limits=Limits(name_share=2.0, module_share=1.0, phrase_uses=100),
        )
    assert not output.exists()


def test_arguments_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    """The message tells which one."""
    with pytest.raises(docstrings.CorpusError, match="processes is 0"):
        docstrings.build(tmp_path / "corpus.jsonl", processes=0)
    with pytest.raises(docstrings.CorpusError, match="is a folder"):
        docstrings.build(tmp_path)


def test_a_missing_library_is_skipped_with_a_note() -> None:
    """The others are still found."""
    missing = Library("ghost", "no-such-distribution", "no_such_package", ("ghost",))
    present = Library("pytest", "pytest", "_pytest", ("pytest",))
    found, notes = installed_sources((missing, present))
    assert [source.library.label for source in found] == ["pytest"]
    assert notes == ("ghost: the distribution no-such-distribution is missing",)
