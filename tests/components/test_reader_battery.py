"""What every reader of files passes: whatever the bytes, rows or a clear error, and nothing else.

A reader enters by a line in ``CASES``.
"""

import gzip
import io
import json
import struct
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import DataError
from components.ingest.example_records import masked_checksum, sequence_example_class
from components.ingest.options import DataOptions, data_class
from components.ingest.parts import read_part, reader
from components.ingest.rows import BadFile, Row

BOM = b"\xef\xbb\xbf"
ROWS = 40


class Case(NamedTuple):
    """A format's options, a file of it, whether it is of lines, and the rows in it."""

    format: str
    name: str
    content: bytes
    options: dict[str, Any] = {}
    of_lines: bool = True
    rows: int = ROWS

    @property
    def data(self) -> DataOptions:
        return data_class(self.format)(path="/d", format=self.format, **self.options)


def framed(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    checksums = [struct.pack("<I", masked_checksum(part)) for part in (length, content)]
    return length + checksums[0] + content + checksums[1]


def tfrecord() -> bytes:
    records = []
    for number in range(ROWS):
        example = sequence_example_class()()
        example.context.feature["n"].int64_list.value.append(number)
        step = example.feature_lists.lists["words"].feature.add()
        step.bytes_list.value.append(b"word")
        records.append(framed(example.SerializeToString()))
    return b"".join(records)


def parquet() -> bytes:
    table = pyarrow.table({"n": list(range(ROWS)), "words": [["a", "b"]] * ROWS})
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file, row_group_size=7)
    return file.getvalue()


OBJECTS = [{"n": number, "words": ["a", "é"], "t": "x y z"} for number in range(ROWS)]
LINES = b"".join(b"%d some words\n" % number for number in range(ROWS))
CHUNK = {"column": "t", "tokens": 2}
CASES = {
    "csv": Case("csv", "a.csv", b"n,t\n" + b'1,"x\ny"\n' * ROWS),
    "csv chunks": Case(
        "csv", "a.csv", b"n,t\n" + b"1,x y z\n" * ROWS, {"chunk": CHUNK}, rows=2 * ROWS
    ),
    "jsonl": Case(
        "jsonl",
        "a.jsonl",
        b"".join(json.dumps(row).encode() + b"\n" for row in OBJECTS),
        {"fields": {"first": "words[0]"}},
    ),
    "json": Case("json", "a.json", json.dumps(OBJECTS).encode(), {"chunk": CHUNK}, False, 2 * ROWS),
    "json inside": Case(
        "json",
        "a.json",
        json.dumps({"n": 1, "a": {"rows": OBJECTS, "b": []}}, indent=1).encode(),
        {"records": "a.rows", "fields": {"text": "words[]|text"}},
        False,
    ),
    "conll": Case(
        "conll",
        "a.conll",
        b"-DOCSTART- O\n\n" + b"EU I-ORG\nsaid O\n\n" * ROWS,
        {"columns": ["word", "tag"], "tags": {"column": "tag", "from": "iob1"}},
    ),
    "text lines": Case("text", "a.txt", LINES),
    "text paragraphs": Case("text", "a.txt", LINES, {"unit": "paragraph"}, rows=1),
    "text document": Case("text", "a.txt", LINES, {"unit": "document"}, rows=1),
    "text tokens": Case(
        "text",
        "a.txt",
        LINES,
        {"unit": "document", "chunk": {"tokens": 4}, "line_end": "<end>"},
    ),
    "text characters": Case(
        "text",
        "a.txt",
        b"0123456789" * 100 * ROWS,
        {"unit": "document", "chunk": {"characters": 2000, "stride": 1000}},
        rows=ROWS - 1,
    ),
    "series in columns": Case(
        "timeseries",
        "a.csv",
        b"t,x,y\n" + b"".join(b"%d,1.5,2\n" % number for number in range(ROWS + 4)),
        {"layout": "wide", "timestamps": "t", "context": 3, "horizon": 2},
    ),
    "series in lines": Case(
        "timeseries",
        "a.txt",
        b"".join(b"%d;1;2;3\n" % number for number in range(ROWS)),
        {"layout": "rows", "header": False, "series": 1, "delimiter": ";"},
    ),
    "series by name": Case(
        "timeseries",
        "a.tsv",
        b"id\tx\n" + b"".join(b"%d\t1\n%d\t2\n" % (number, number) for number in range(ROWS)),
        {"layout": "long", "series": "id", "missing": "keep"},
    ),
    "files of numbers": Case("files", "a.csv", b"x,y\n" + b"1,2.5\n" * ROWS, rows=1),
    "files of text": Case("files", "a.txt", LINES, {"content": "text"}, of_lines=False, rows=1),
    "parquet": Case("parquet", "a.parquet", parquet(), of_lines=False),
    "tfrecord": Case("tfrecord", "a.tfrecord", tfrecord(), {"scalars": ["words"]}, False),
}
OF_LINES = [name for name, case in CASES.items() if case.of_lines]
every_case = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


def read(content: bytes, case: Case, name: str | None = None) -> list[Row]:
    """The rows of a file's bytes, which must be rows whatever the bytes are, or a ``BadFile``."""

    @contextmanager
    def opened(path: str):
        raw = io.BytesIO(content)
        yield gzip.GzipFile(fileobj=raw) if path.endswith(".gz") else raw
        assert not raw.closed, "a reader closed the stream"

    rows = list(read_part(f"/d/{name or case.name}", case.data, opened))
    for row in rows:
        assert row.line >= 1
        assert row.problem != "" and row.skipped != ""
        assert row.window is None or row.window.start <= row.window.targets < row.window.end
    return rows


def good(rows: list[Row]) -> int:
    assert all(row.problem is None for row in rows), rows
    return sum(row.skipped is None for row in rows)


@every_case
def test_the_rows_of_a_file_packed_or_not(case: Case) -> None:
    rows = read(case.content, case)
    assert good(rows) == case.rows
    packed = gzip.compress(case.content, mtime=0)
    assert read(packed, case, case.name + ".gz") == rows


@every_case
def test_a_name_that_the_format_has(case: Case, tmp_path: Path) -> None:
    patterns = reader(case.format).PATTERNS
    for name in (case.name, case.name + ".gz"):
        (tmp_path / name).write_bytes(case.content)
    found = [{path.name for path in tmp_path.glob(pattern)} for pattern in patterns]
    assert sum(map(len, found)) == 2, "each name by one pattern"


@every_case
def test_a_file_that_was_cut_off_while_packed_says_so(case: Case) -> None:
    packed = gzip.compress(case.content, mtime=0)
    for kept in (len(packed) // 2, len(packed) - 6):
        with pytest.raises(BadFile, match=r"a\.[a-z]+\.gz"):
            read(packed[:kept], case, case.name + ".gz")
    with pytest.raises(BadFile, match=r"a\.[a-z]+\.gz"):
        read(b"not gzip at all", case, case.name + ".gz")


@every_case
def test_a_file_that_is_not_there_says_so(case: Case, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / case.name, tmp_path / "folder"):
        with pytest.raises(BadFile, match=str(path)):
            list(read_part(str(path), case.data))


@every_case
def test_an_empty_file_holds_no_rows_or_says_so(case: Case) -> None:
    try:
        assert all(row.problem for row in read(b"", case))
    except DataError as error:
        assert "/d/a." in str(error)


@pytest.mark.parametrize("name", OF_LINES)
def test_line_ends_and_a_mark_at_the_start_change_nothing(name: str) -> None:
    case = CASES[name]
    rows = read(case.content, case)
    assert read(BOM + case.content, case) == rows
    lines = case.content.split(b"\n")
    mixed = b"".join(line + (b"\r\n", b"\n")[place % 2] for place, line in enumerate(lines[:-1]))
    if name != "csv":  # There, line ends in quotes are part of a field.
        assert read(mixed + lines[-1], case) == rows


@pytest.mark.parametrize("name", OF_LINES)
def test_a_nul_byte_is_a_bad_row(name: str) -> None:
    case = CASES[name]
    half = case.content.index(b"\n", len(case.content) // 2) if b"\n" in case.content else 0
    rows = read(case.content[: half + 2] + b"\x00" + case.content[half + 2 :], case)
    bad = [row for row in rows if row.problem is not None]
    assert len(bad) == 1 and "NUL byte" in str(bad[0].problem)


@pytest.mark.parametrize("name", OF_LINES)
def test_a_line_of_ten_megabytes_is_read_or_says_so(name: str) -> None:
    case = CASES[name]
    end = b"" if case.content.endswith(b"\n") else b"\n"
    rows = read(case.content + end + b"x" * 10 * 2**20 + b"\n", case)
    assert len(rows) >= case.rows
    for row in rows[case.rows + 1 :]:
        assert row.problem is None or len(row.problem) < 1000
        assert row.came is None or len(row.came) < 10_000


# pyarrow 10 can end the process at a changed byte inside a Parquet file, which has no checksums.
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=name) for name, case in CASES.items() if case.format != "parquet"],
)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_bytes_that_were_changed_are_rows_or_a_clear_error(case: Case, data: st.DataObject) -> None:
    content = bytearray(case.content)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content)))
        removed = data.draw(st.sampled_from([0, 1, 1, 20]))
        content[at : at + removed] = data.draw(st.binary(max_size=3) | PIECES)
    check_any(bytes(content), case)


PIECES = st.lists(
    st.sampled_from([b"a", b",", b"\n", b"\r", b'"', b"\x00", b"\xff", BOM, b"\\u12", b" ", b"-"])
    | st.sampled_from([b"{", b"}", b"[", b"]", b'{"a": 1}', b"1e", b"O", b"B-X", b"-DOCSTART-"]),
    max_size=12,
).map(b"".join)


@every_case
@settings(max_examples=25, deadline=None)
@given(content=PIECES | st.binary(max_size=60))
def test_any_bytes_are_rows_or_a_clear_error(case: Case, content: bytes) -> None:
    check_any(content, case)


def check_any(content: bytes, case: Case) -> None:
    try:
        read(content, case)
    except BadFile as error:
        assert str(error).startswith("/d/a.") and len(str(error)) < 1000
