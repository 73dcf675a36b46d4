"""Files of word vectors: both forms, words with blanks, ragged lines; matrices and coverage."""

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.embeddings.coverage import coverage_of
from components.embeddings.files import check_vectors
from components.embeddings.matrix import build
from components.embeddings.spec import EmbeddingsConfig, FeatureVectors
from components.embeddings.vectors import HEAD_LINES, LONGEST_LINE, read_head, read_vectors
from components.errors import DataError
from models.features.vectors import VectorOptions

GLOVE = "the 0.5 -1 2e-3\nnew york 1 2 3\n. . . 4 5 6\nof\u00a0the 7 8 9\n"
WORDS = {"the", "new york", ". . .", "of\u00a0the"}


def read(text: str | bytes, wanted: set[str]) -> dict[str, list[float]]:
    content = text.encode() if isinstance(text, str) else text
    found = read_vectors(io.BytesIO(content), "v.txt", wanted)
    return {word: vector.tolist() for word, vector in found}


def refused(text: str | bytes, wanted: set[str] = frozenset()) -> str:
    with pytest.raises(DataError) as caught:
        read(text, wanted)
    return str(caught.value)


@pytest.mark.parametrize("header", ["", "4 3\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
def test_words_may_hold_blanks_and_the_last_fields_are_the_numbers(header: str, end: str) -> None:
    found = read(header + GLOVE.replace("\n", end), WORDS)
    assert found == {
        "the": [0.5, -1.0, pytest.approx(0.002)],
        "new york": [1.0, 2.0, 3.0],
        ". . .": [4.0, 5.0, 6.0],
        "of\u00a0the": [7.0, 8.0, 9.0],
    }


def test_only_what_is_asked_for_comes_and_tabs_and_numbers_as_words_do_not_break_it() -> None:
    assert read(GLOVE, {"new york", "york"}) == {"new york": [1.0, 2.0, 3.0]}
    assert read("a\t1\t2\n1\t3\t4\n2 5 6\n", {"a", "1", "2"}) == {
        "a": [1.0, 2.0],
        "1": [3.0, 4.0],
        "2": [5.0, 6.0],
    }


@given(data=st.data(), size=st.integers(1, 6), header=st.booleans())
def test_what_was_written_is_read(data: st.DataObject, size: int, header: bool) -> None:
    # No blank outside ASCII parts a word, and none ends in a number after a blank.
    letters = st.characters(codec="utf-8", exclude_characters=" \t\n\r\x0b\x0c")
    first = st.text(letters, min_size=1, max_size=5)
    later = st.lists(st.text("äbc.-@", min_size=1, max_size=4), max_size=2)
    word = st.builds(lambda head, rest: " ".join([head, *rest]), first, later)
    number = st.floats(width=32, allow_nan=False, allow_infinity=False)
    vector = st.lists(number, min_size=size, max_size=size)
    vectors = data.draw(st.dictionaries(word, vector, min_size=1, max_size=8))
    single = sum(" " not in each for each in vectors)
    if not header and (single < len(vectors) or size == 1):
        header = True  # So that its width is certain whatever the words are.
    lines = [" ".join([word, *map(repr, numbers)]) for word, numbers in vectors.items()]
    text = "\n".join([f"{len(vectors)} {size}"] * header + lines)
    assert read(text, set(vectors)) == vectors


@given(data=st.data(), size=st.integers(2, 5), header=st.booleans(), words=st.integers(4, 20))
def test_a_line_of_another_length_is_named(
    data: st.DataObject, size: int, header: bool, words: int
) -> None:
    ragged = data.draw(st.integers(0, words - 1))
    came = data.draw(st.integers(0, 8).filter(lambda count: count != size))
    counts = [came if index == ragged else size for index in range(words)]
    lines = [" ".join([f"word{index}", *["0.25"] * count]) for index, count in enumerate(counts)]
    message = refused("\n".join([f"{words} {size}"] * header + lines))
    assert message.startswith(f"v.txt:{ragged + header + 1}: {came} number")
    assert f"'word{ragged}', where {size} numbers belong" in message
    assert message.endswith("(mend or remove the line, or fetch the file anew)")


def test_mistakes_below_the_head_are_named_too() -> None:
    lines = [f"w{index} 1.5 2.5" for index in range(HEAD_LINES + 5)]
    lines[-2] = "short 1.5"
    message = refused("\n".join(lines))
    assert message.startswith(f"v.txt:{HEAD_LINES + 4}: 1 number came after 'short', where 2")
    lines[-2] = "two words 1.5"
    assert f"v.txt:{HEAD_LINES + 4}: 1 number came after 'two words', where 2" in refused(
        "\n".join(lines)
    )
    lines[-2] = "bad 1.5 x2.5"
    assert "'x2.5', which is no number, came after 'bad'" in refused("\n".join(lines), {"bad"})
    lines[-2] = "big 1.5 1e39"
    assert "the vector of 'big' holds a number that is not finite" in refused(
        "\n".join(lines), {"big"}
    )
    assert len(read("\n".join(lines), {"w1", "w104"})) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "v.txt: holds no vectors"),
        (b"3 2\n", "v.txt: holds no vectors"),
        (b"only words\nstand here\n", "v.txt: holds no vectors"),
        (b"3 2\na 1 2\nb 3 4\n", "v.txt:1: the header says 3 words, but 2 came"),
        (b"a 1 nan\nb 3 4\n", "v.txt:1: the vector of 'a' holds a number that is not finite"),
        (b"x" * LONGEST_LINE, "v.txt:1: a line of a mebibyte"),
    ],
)
def test_what_is_no_file_of_vectors_is_refused(content: bytes, says: str) -> None:
    assert refused(content).startswith(says)


def options(path: Path, **fields: object) -> VectorOptions:
    return VectorOptions(file=str(path), **fields)


def test_matrix_has_the_files_vectors_by_id_and_the_rest_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "v.txt.gz"
    path.write_bytes(gzip.compress(b"b 9 8 7\nA 1 2 3\nb 0 0 0\na 4 5 6\nelse 7 7 7\n"))
    vocabulary = ["b", "z", "A", "B", "a", "y"]
    matrix, found = build(options(path), str(path), vocabulary, seed=3)
    assert found.tolist() == [True, False, True, False, True, False]
    assert matrix.dtype == np.float32 and matrix.shape == (len(vocabulary) + 2, 3)
    assert matrix[[0, 2, 4, 6]].tolist() == [[0, 0, 0], [9, 8, 7], [1, 2, 3], [4, 5, 6]]
    drawn = matrix[[1, 3, 5, 7]]
    assert np.unique(drawn).size == drawn.size
    again, _ = build(options(path), str(path), vocabulary, seed=3)
    other, _ = build(options(path), str(path), vocabulary, seed=4)
    assert (again == matrix).all() and (other[[1, 3]] != matrix[[1, 3]]).all()
    zeros, _ = build(options(path, missing="zero"), str(path), vocabulary, seed=3)
    assert not zeros[[0, 1, 3, 5, 7]].any() and (zeros[2] == matrix[2]).all()
    lower, found = build(options(path, lowercase=True), str(path), vocabulary, seed=3)
    assert found.tolist() == [True, False, True, True, True, False]
    # A token's own vector before that of its lower case, wherever they stand.
    assert lower[4].tolist() == [1, 2, 3] and lower[5].tolist() == [9, 8, 7]


def test_random_vectors_have_the_deviation_of_those_found(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    source = np.random.default_rng(0).normal(0.0, 0.3, (50, 20))
    lines = [f"w{row} " + " ".join(map(str, vector)) for row, vector in enumerate(source)]
    path.write_text("\n".join(lines))
    vocabulary = [f"w{row}" for row in range(50)] + [f"missing{row}" for row in range(500)]
    matrix, found = build(options(path), str(path), vocabulary, seed=0)
    assert matrix[2:][~found].std() == pytest.approx(source.std(), rel=0.05)


def test_no_vector_at_all_truncated_and_absent_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_text("the 1 2\n")
    with pytest.raises(DataError, match=r"for none of the 1 tokens .*'The'.*lowercase: true"):
        build(options(path), str(path), ["The"], seed=0)
    packed = tmp_path / "v.txt.gz"
    packed.write_bytes(gzip.compress(np.random.default_rng(0).bytes(10_000).hex().encode())[:900])
    absent = tmp_path / "absent.txt"
    for broken, says in ((packed, "cannot be read: "), (absent, "no such file of vectors")):
        with pytest.raises(DataError, match=f"{broken}: {says}"):
            build(options(broken), str(broken), ["the"], seed=0)


def config(path: str, embedding_size: int | None) -> EmbeddingsConfig:
    share = FeatureVectors(vectors=VectorOptions(file=path))
    return EmbeddingsConfig(
        features={"text": share}, embedding_size=embedding_size, seed=0, contents={}, code=""
    )


def test_another_width_than_the_experiment_states_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_text(GLOVE)
    assert check_vectors(config(str(path), None)) == {"text": 3}
    assert check_vectors(config(str(path), 3)) == {"text": 3}
    assert check_vectors(config("gs://bucket/v.txt", 3)) == {}
    with pytest.raises(DataError, match=r"embedding_size is 64, but 3 .*v\.txt.*or write 3\)"):
        check_vectors(config(str(path), 64))


def test_coverage_counts_types_and_tokens_and_names_the_most_frequent_missing() -> None:
    found = np.array([True, False, False, True])
    counts = np.array([0, 5, 10, 3, 4, 2])
    coverage = coverage_of("text", VectorOptions(file="v"), ["a", "b", "c", "d"], found, counts, 7)
    assert coverage.to_dict() == {
        "file": "v",
        "size": 7,
        "types": {"found": 2, "total": 4},
        "tokens": {"found": 12, "total": 24},
        "missing": [["c", 4], ["b", 3]],
    }
    assert str(coverage) == (
        "text: vectors for 2 of 4 (50.0%) types, 12 of 24 (50.0%) tokens; without one: 'c', 'b'"
    )


def test_head_says_the_width_and_the_count() -> None:
    assert read_head(io.BytesIO(GLOVE.encode()), "v.txt") == (3, None)
    assert read_head(io.BytesIO(b"4 3\n" + GLOVE.encode()), "v.txt") == (3, 4)
