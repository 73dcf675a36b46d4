"""Plain text and its chunks, CoNLL blocks, and files that are aligned by their stems."""

import gzip
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import DataError
from components.ingest import lines as lines_module
from components.ingest.chunks import ChunkOptions, Piece, cut
from components.ingest.lines import TOO_LONG, lines, name_in_data
from components.ingest.options import DataOptions, data_class
from components.ingest.parts import read_part, reader
from components.ingest.rows import BadFile, Row, Window


def read(data_format: str, content: bytes | str, **options: Any) -> list[Row]:
    content = content.encode() if isinstance(content, str) else content
    data = data_class(data_format)(path="/d", format=data_format, **options)
    return list(reader(data_format).rows(io.BytesIO(content), "/d/a.txt", data))


def fields(rows: list[Row]) -> list[dict[str, Any]]:
    assert all(row.problem is None and row.skipped is None for row in rows), rows
    return [dict(row.fields) for row in rows]


def test_lines_end_in_two_ways_and_the_last_may_not() -> None:
    found = list(lines(io.BytesIO(b"\xef\xbb\xbfa\r\nb\n\n c\xff\nd\re")))
    assert [line.text for line in found] == ["a", "b", "", "", "d\re"]
    assert [line.number for line in found] == [1, 2, 3, 4, 5]
    assert [line.ended for line in found] == [True, True, True, True, False]
    assert "not UTF-8" in str(found[3].problem) and found[3].came == " c\\xff"


def test_a_line_beyond_the_limit_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "MAX_FIELD_BYTES", 4)
    found = list(lines(io.BytesIO(b"abcd\nabcde\nabcdefghijk\nx\nabcdefg")))
    problems = [None, TOO_LONG, TOO_LONG, None, TOO_LONG]
    assert [line.problem for line in found] == problems
    assert [line.text for line in found] == ["abcd", "", "", "x", ""]


@pytest.mark.parametrize(
    ("data_path", "path", "name"),
    [
        ("/d", "/d/train/a.txt.gz", "train/a.txt"),
        ("/d/", "/d/a.txt", "a.txt"),
        ("/d/a.txt.gz", "/d/a.txt.gz", "a.txt"),
        ("/d/*/[ab].txt", "/d/train/a.txt", "train/a.txt"),
        ("/d/x*/a.txt", "/d/xy/a.txt", "xy/a.txt"),
        ("gs://b/d", "gs://b/d/a.txt", "a.txt"),
        ("rows", "elsewhere/a.txt", "a.txt"),
    ],
)
def test_a_file_has_a_name_within_the_data(data_path: str, path: str, name: str) -> None:
    assert name_in_data(path, DataOptions(path=data_path, format="csv")) == name


def test_lines_paragraphs_and_documents() -> None:
    content = "\na b\nc\n\n \nd\r\n\n"
    assert fields(read("text", content)) == [{"text": "a b"}, {"text": "c"}, {"text": "d"}]
    assert [row.line for row in read("text", content)] == [2, 3, 6]
    paragraphs = read("text", content, unit="paragraph")
    assert fields(paragraphs) == [{"text": "a b\nc"}, {"text": "d"}]
    assert [row.line for row in paragraphs] == [2, 6]
    assert fields(read("text", content, unit="document")) == [{"text": "\na b\nc\n\n \nd"}]
    assert read("text", "\n \n", unit="document") == []


def test_a_bad_line_is_left_out_of_its_document() -> None:
    for unit in ("line", "paragraph", "document"):
        rows = read("text", b"a\n\xff\nb\n", unit=unit)
        (bad,) = (row for row in rows if row.problem)
        assert bad.line == 2 and "not UTF-8" in str(bad.problem)
    rows = read("text", b"a\n\xff\nb\n", unit="document", chunk={"characters": 10})
    assert [row.fields.get("text") for row in rows] == [None, "a\nb\n"]


def test_chunks_of_tokens_follow_each_other() -> None:
    options = {"unit": "document", "chunk": {"tokens": 3}, "line_end": "<eos>"}
    rows = read("text", " a b \nc\n\nd\n", **options)
    assert fields(rows) == [
        {"tokens": ["a", "b", "<eos>"], "stream": "a.txt", "position": 0},
        {"tokens": ["c", "<eos>", "<eos>"], "stream": "a.txt", "position": 1},
        {"tokens": ["d", "<eos>"], "stream": "a.txt", "position": 2},
    ]
    assert [row.line for row in rows] == [1, 2, 4]
    assert [row.window for row in rows] == [
        Window("a.txt", 0, 0, 3),
        Window("a.txt", 3, 3, 6),
        Window("a.txt", 6, 6, 8),
    ]


def test_windows_that_overlap_predict_what_is_new() -> None:
    rows = read("text", "a b c d", unit="document", chunk={"tokens": 3, "stride": 1})
    assert [row.fields["tokens"] for row in rows] == [["a", "b", "c"], ["b", "c", "d"]]
    assert [row.window for row in rows] == [Window("a.txt", 0, 2, 3), Window("a.txt", 1, 3, 4)]


def test_chunks_of_characters_hold_the_line_ends() -> None:
    rows = read("text", "ab\r\nc\n", unit="document", chunk={"characters": 4})
    assert [row.fields["text"] for row in rows] == ["ab\nc", "\n"]
    rows = read("text", "ab\n\ncd\ne", unit="paragraph", chunk={"characters": 3})
    assert [row.fields["text"] for row in rows] == ["ab", "cd\n", "e"]
    assert [row.fields["stream"] for row in rows] == ["a.txt:1", "a.txt:3", "a.txt:3"]


def test_the_rest_of_a_stream_may_be_dropped_and_is_counted() -> None:
    options = {"unit": "line", "chunk": {"tokens": 2, "rest": "drop"}}
    whole, rest, short = read("text", "a b c\nd", **options)
    assert whole.fields["tokens"] == ["a", "b"] and rest.line == 1
    assert rest.skipped == short.skipped == "the end of a stream, shorter than a chunk of 2 tokens"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk": {}}, "state tokens or characters, one of them"),
        ({"chunk": {"tokens": 2, "characters": 2}}, "state tokens or characters, one of them"),
        ({"chunk": {"tokens": 2, "stride": 3}}, "stride is 3, and a chunk's size 2"),
        ({"chunk": {"tokens": 0}}, "greater than or equal to 1"),
        ({"chunk": {"tokens": 2, "rest": "lose"}}, "'keep' or 'drop'"),
        ({"line_end": "<eos>"}, "needs chunk"),
        ({"line_end": "a b", "chunk": {"tokens": 2}}, "a token has no blanks"),
    ],
    ids=str,
)
def test_text_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        data_class("text")(path="/d", format="text", **options)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.text("abc", max_size=5), max_size=6),
    st.integers(1, 5),
    st.integers(1, 5),
    st.booleans(),
)
def test_chunks_cover_a_stream_and_none_is_inside_another(
    texts: list[str], size: int, stride: int, characters: bool
) -> None:
    unit = {"characters" if characters else "tokens": size}
    options = ChunkOptions(**unit, stride=min(size, stride))
    pieces = [
        Piece(number, text if characters else list(text))
        for number, text in enumerate(texts, start=1)
    ]
    whole = "".join(texts)
    chunks = list(cut(pieces, options))
    of_line = [number for number, text in enumerate(texts, start=1) for _ in text]
    reached = 0
    for number, chunk in enumerate(chunks):
        assert chunk.number == number and chunk.start == number * options.step
        assert "".join(chunk.content) == whole[chunk.start : chunk.start + size]
        assert chunk.line == of_line[chunk.start]
        assert chunk.start <= reached < chunk.end
        reached = chunk.end
    assert reached == len(whole)


def test_the_text_of_a_column_is_cut_for_each_record() -> None:
    chunk = {"column": "t", "tokens": 2, "stride": 1}
    content = "id,t\n7,a b c\n8,\n9,d\n"
    rows = read("csv", content, chunk=chunk)
    shared = {"id": "7", "stream": "a.txt:2"}
    assert [row.fields for row in rows if row.skipped is None] == [
        {**shared, "t": ["a", "b"], "position": 0},
        {**shared, "t": ["b", "c"], "position": 1},
        {"id": "9", "stream": "a.txt:4", "t": ["d"], "position": 0},
    ]
    assert [row.skipped for row in rows if row.skipped] == [
        "its column 't' is empty and has no chunk"
    ]
    assert rows[1].window == Window("a.txt:2", 1, 2, 3)


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ('{"x": "a"}', "has no column 't' (data.chunk.column); it has 'x'"),
        ('{"t": 5}', "column 't' is 5, where text, or a list of tokens, is read (data.chunk)"),
        ('{"t": "a", "stream": 1}', "has a column 'stream', which chunks have"),
    ],
)
def test_records_that_cannot_be_cut_are_bad(record: str, problem: str) -> None:
    (row,) = read("jsonl", record, chunk={"column": "t", "tokens": 2})
    assert problem in str(row.problem)


def test_a_list_of_tokens_is_cut_too() -> None:
    rows = read("jsonl", '{"t": ["a b", "c", "d"]}', chunk={"column": "t", "tokens": 2})
    assert [row.fields["t"] for row in rows] == [["a b", "c"], ["d"]]


BLOCKS = """\
-DOCSTART- -X- O

EU NNP I-ORG
rejects VBZ O

Peter NNP I-PER
Blackburn NNP I-PER

-DOCSTART- -X- O

BRUSSELS NNP I-LOC
"""
COLUMNS = ["word", "pos", "tag"]


def test_blocks_are_sequences_of_documents() -> None:
    rows = read("conll", BLOCKS, columns=COLUMNS, tags={"column": "tag", "from": "iob1"})
    assert [row.line for row in rows] == [1, 3, 6, 9, 11]
    assert [row.skipped is not None for row in rows] == [True, False, False, True, False]
    assert rows[1].fields == {
        "word": ["EU", "rejects"],
        "pos": ["NNP", "VBZ"],
        "tag": ["B-ORG", "O"],
        "document": "a.txt:1",
    }
    assert rows[2].fields["tag"] == ["B-PER", "I-PER"]
    assert rows[4].fields["document"] == "a.txt:2"


def test_columns_may_be_taken_by_their_places() -> None:
    options = {"columns": {"word": 0, "tag": -1}, "comment": "#"}
    (row,) = read("conll", "# text\nEU NNP x I-ORG\n# more\nrejects O\n", **options)
    assert row.fields["word"] == ["EU", "rejects"] and row.fields["tag"] == ["I-ORG", "O"]
    (row,) = read("conll", "a b c\tO\n", columns=["word", "tag"], separator="\t")
    assert row.fields["word"] == ["a b c"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a x O\nb O\n", "line 2: has 2 columns, but data.columns names 3 (word, pos, tag)"),
        ("a x O\n\xff", "line 2: has 1 column, but"),
        ("a x O\nb x I-X\n", "line 2: column 'tag': tag 'I-X' after 'O' is no iob2; are the tags"),
        ("a x E-X\n", "line 1: column 'tag': tag 'E-X' is none of iob2, whose tags are O"),
    ],
)
def test_a_bad_line_is_its_sequence_s_problem(content: str, problem: str) -> None:
    tags = {"column": "tag", "from": "iob2", "to": "bioes"}
    bad, fine = read("conll", content + "\n\nc x B-X\n", columns=COLUMNS, tags=tags)
    assert problem in str(bad.problem)
    assert bad.line == 1 and str(bad.came).startswith("a x")
    assert fine.fields["tag"] == ["S-X"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ["a", "a"]}, "names 'a' twice"),
        ({"columns": ["a", "document"]}, "names a column 'document'"),
        ({"columns": []}, "at least 1"),
        ({"columns": 5}, "5 came; the columns' names in order, or {name: position}"),
        ({"columns": ["a"], "tags": {"column": "b", "from": "iob1"}}, "tags.column is 'b'"),
        ({"columns": ["a"], "tags": {"column": "a", "from": "iob"}}, "'iob1', 'iob2' or 'bioes'"),
    ],
    ids=str,
)
def test_conll_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        data_class("conll")(path="/d", format="conll", **options)


def test_a_block_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader("conll"), "MAX_STEPS", 2)
    with pytest.raises(BadFile, match=r"a.txt:1: a sequence has more than 2 lines"):
        read("conll", "a\nb\nc\n", columns=["word"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"de": "ja\nnein\n", "en": "yes\nno\n", "fr": "oui\nnon\n"}.items():
        (tmp_path / f"train.{name}.gz").write_bytes(gzip.compress(text.encode()))
        (tmp_path / f"val.{name}").write_text("x\n")
    (tmp_path / "README.md").write_text("about\n")
    return tmp_path


def aligned(path: Path, **options: Any) -> list[Row]:
    data = data_class("aligned")(path=str(path.parent), format="aligned", **options)
    return list(read_part(str(path), data))


def test_files_of_a_stem_are_columns_by_their_endings(folder: Path) -> None:
    rows = aligned(folder / "train.de.gz", beside="stem")
    assert fields(rows) == [
        {"de": "ja", "en": "yes", "fr": "oui"},
        {"de": "nein", "en": "no", "fr": "non"},
    ]
    columns = {"source": "de", "target": "en"}
    rows = aligned(folder / "train.en.gz", beside="stem", columns=columns)
    assert fields(rows)[0] == {"source": "ja", "target": "yes"}
    data = data_class("aligned")(path="/d", format="aligned", beside="stem", columns=columns)
    beside = reader("aligned").companions(str(folder / "val.de"), data)
    assert beside == [str(folder / "val.en")]


def test_columns_pick_files_of_a_folder(folder: Path) -> None:
    rows = aligned(folder / "val.de", columns={"a": "val.de", "b": "val.fr.gz"})
    assert fields(rows) == [{"a": "x", "b": "x"}]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beside": "stem", "columns": {"a": "de", "b": "it"}}, r"no file 'train.it' beside it"),
        ({"columns": {"a": "train.de", "b": "seq.in"}}, "no file 'seq.in' beside it"),
        ({"beside": "stem", "columns": {"a": "de"}}, "no other file to align it with"),
    ],
    ids=str,
)
def test_files_that_are_not_there_are_named(folder: Path, options: Any, message: str) -> None:
    with pytest.raises(BadFile, match=message):
        aligned(folder / "train.de.gz", **options)


@pytest.mark.parametrize("name", ["train", "train.", "train.gz"])
def test_a_file_without_an_ending_has_no_column(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"x\n" if name != "train.gz" else gzip.compress(b"x\n"))
    with pytest.raises(BadFile, match="has no ending"):
        aligned(folder / name, beside="stem")


def test_a_damaged_file_beside_is_the_one_that_is_named(folder: Path) -> None:
    damaged = folder / "train.en.gz"
    damaged.write_bytes(damaged.read_bytes()[:-6])
    with pytest.raises(BadFile, match=r"train\.en\.gz.* cannot be read beyond this line"):
        aligned(folder / "train.de.gz", beside="stem")


def test_columns_name_no_folders() -> None:
    with pytest.raises(ValueError, match="the name of a file beside"):
        data_class("aligned")(path="/d", format="aligned", columns={"a": "train/x"})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=30), min_size=2, max_size=3))
def test_any_bytes_beside_each_other_are_rows_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("aligned")
    for number, content in enumerate(contents):
        (folder / f"a.{number}{'.gz' * (number == 2)}").write_bytes(content)
    try:
        rows = aligned(folder / "a.0", beside="stem")
    except DataError as error:
        assert str(folder) in str(error)
        return
    assert all(row.line >= 1 for row in rows)
