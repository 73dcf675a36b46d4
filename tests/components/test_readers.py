"""The readers: what is read, what is a bad row, and that nothing else is ever raised."""

import csv as python_csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.errors import DataError
from components.ingest.options import data_class
from components.ingest.parts import unpacked
from components.ingest.readers import aligned, csv, jsonl
from components.ingest.rows import MAX_FIELD_BYTES, BadFile, Row

BOM = b"\xef\xbb\xbf"


def read_csv(content: bytes, delimiter: str | None = ",", **others: Any) -> list[Row]:
    options = data_class("csv")(path="/d/rows.csv", format="csv", delimiter=delimiter, **others)
    return list(csv.rows(io.BytesIO(content), "rows.csv", options))


def read_jsonl(content: bytes) -> list[Row]:
    options = data_class("jsonl")(path="/d/rows.jsonl", format="jsonl")
    return list(jsonl.rows(io.BytesIO(content), "rows.jsonl", options))


def good(rows: list[Row]) -> list[tuple[int, dict[str, Any]]]:
    assert all(row.problem is None for row in rows), rows
    return [(row.line, dict(row.fields)) for row in rows]


def test_records_are_read_by_the_names_of_the_header() -> None:
    assert good(read_csv(b"a,b\n1,2\n3,\n")) == [
        (2, {"a": "1", "b": "2"}),
        (3, {"a": "3", "b": ""}),
    ]


def test_quoted_fields_hold_line_ends_delimiters_and_quotes() -> None:
    rows = read_csv(b'a,b\n"x\ny","p,q"\r\n"say ""hi""",z\n')
    assert good(rows) == [(2, {"a": "x\ny", "b": "p,q"}), (4, {"a": 'say "hi"', "b": "z"})]


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    assert good(read_csv(BOM + b"a,b\n1,2\n")) == [(2, {"a": "1", "b": "2"})]
    assert good(read_csv(BOM + b'"a",b\n1,2\n')) == [(2, {"a": "1", "b": "2"})]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_kind_of_line_end_is_read(end: bytes) -> None:
    assert good(read_csv(end.join([b"a,b", b"1,2", b"3,4"]))) == [
        (2, {"a": "1", "b": "2"}),
        (3, {"a": "3", "b": "4"}),
    ]


def test_blank_lines_are_passed_over_and_counted() -> None:
    rows = read_csv(b"a,b\n\n1,2\n\n\n3,4\n\n")
    assert [(line, fields["a"]) for line, fields in good(rows)] == [(3, "1"), (6, "3")]


def test_another_delimiter_is_read() -> None:
    assert good(read_csv(b"a\tb\n1,5\t2\n", "\t")) == [(2, {"a": "1,5", "b": "2"})]


def test_short_and_long_rows_are_bad_and_say_so() -> None:
    short, long, fine = read_csv(b"a,b\n1\n1,2,3\n1,2\n")
    assert short.problem.startswith("has 1 field, but the header names 2 (a, b)")
    assert long.problem.startswith("has 3 fields, but the header names 2")
    assert fine.problem is None
    assert [row.line for row in (short, long, fine)] == [2, 3, 4]


def test_bytes_that_are_not_utf8_spoil_their_row_only() -> None:
    rows = read_csv(b"a,b\n1,2\ncaf\xe9,2\n\xc3\xa9,4\n")
    assert [row.problem is None for row in rows] == [True, False, True]
    assert "field 'a'" in rows[1].problem
    assert "UTF-8" in rows[1].problem
    assert rows[2].fields["a"] == "é"


def test_a_nul_byte_stops_nothing() -> None:
    rows = read_csv(b"a,b\n1\x00,2\n3,4\n")
    assert "field 'a' holds a NUL byte (is the file UTF-16?" in str(rows[0].problem)
    assert rows[1:] == [Row(3, {"a": "3", "b": "4"})]


def test_a_field_of_ten_megabytes_is_read() -> None:
    huge = "x" * 10 * 2**20
    ((_, fields),) = good(read_csv(f"a,b\n{huge},2\n".encode()))
    assert fields["a"] == huge


def test_a_field_beyond_the_limit_is_a_bad_row(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_FIELD_BYTES >= 2**20
    monkeypatch.setattr(csv, "MAX_FIELD_BYTES", 100)
    huge, fine = read_csv(b"a,b\n" + b"x" * 101 + b",2\n3,4\n")
    assert huge.line == 2
    assert "holds a line of more than" in str(huge.problem)
    assert fine == Row(3, {"a": "3", "b": "4"})
    quoted, *_ = read_csv(b"a,b\n" + b'"' + b"x\n" * 51 + b'",2\n3,4\n"\n')
    python_csv.field_size_limit(MAX_FIELD_BYTES)
    assert quoted.line == 2
    assert "field larger than field limit" in str(quoted.problem)


@pytest.mark.parametrize("content", [b"", BOM])
def test_an_empty_csv_file_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"rows\.csv: the file is empty; a header"):
        read_csv(content)


def test_a_delimiter_that_was_left_out_goes_by_the_name() -> None:
    content = b"a\tb,c\n1\t2,3\n"
    for name, header in (("rows.tsv", ["a", "b,c"]), ("rows.tsv.gz", ["a", "b,c"])):
        options = data_class("csv")(path="/d", format="csv")
        (row,) = csv.rows(io.BytesIO(content), name, options)
        assert list(row.fields) == header
    assert list(next(iter(read_csv(content, None))).fields) == ["a\tb", "c"]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_header_with_another_delimiter_is_refused(delimiter: str) -> None:
    with pytest.raises(DataError, match=r"rows\.csv:1: the header is one field.*data.delimiter: "):
        read_csv(f"a{delimiter}b\n1{delimiter}2\n".encode())
    with pytest.raises(DataError, match=r"with ',' in it \(write data.delimiter: ','"):
        read_csv(b"a,b\n1,2\n", delimiter)


def test_columns_are_named_where_there_is_no_header() -> None:
    assert good(read_csv(b"1,2\n\n3,4\n", columns=["a", "b"])) == [
        (1, {"a": "1", "b": "2"}),
        (3, {"a": "3", "b": "4"}),
    ]
    (bad,) = read_csv(b"1,2,3\n", columns=["a", "b"])
    assert "has 3 fields, but data.columns names 2 (a, b)" in str(bad.problem)
    assert bad.came == "1,2,3\n"


def test_columns_take_the_place_of_a_header() -> None:
    rows = read_csv(b"x,x\n1,2\n", columns=["a", "b"], header=True)
    assert good(rows) == [(2, {"a": "1", "b": "2"})]


def test_without_quotes_a_quote_is_a_character() -> None:
    assert good(read_csv(b'a,b\n"x,2\n', quote=None)) == [(2, {"a": '"x', "b": "2"})]
    assert good(read_csv(b"a,b\n'x,y',2\n", quote="'")) == [(2, {"a": "x,y", "b": "2"})]


def test_other_encodings_are_read() -> None:
    for encoding in ("latin-1", "utf-16", "utf-16-le", "cp1252"):
        content = "a,b\nné,2\n".encode(encoding)
        assert good(read_csv(content, encoding=encoding)) == [(2, {"a": "né", "b": "2"})]
    with pytest.raises(DataError, match=r"rows\.csv.* UTF-16"):
        read_csv("a,b\n1,2\n".encode("utf-16-le"))
    with pytest.raises(DataError, match=r"rows\.csv: holds bytes that are not utf-16"):
        read_csv(b"a", encoding="utf-16-le")


def test_a_value_that_stands_for_none_is_none() -> None:
    rows = read_csv(b"a,b\nNULL,NULLs\n", nulls=["NULL"])
    assert good(rows) == [(2, {"a": None, "b": "NULLs"})]


def test_numbers_with_commas_stay_text() -> None:
    assert good(read_csv(b'a;b\n1,5;"2.000,5"\n', ";")) == [(2, {"a": "1,5", "b": "2.000,5"})]
    (bad,) = read_csv(b"a,b\n1,5,2\n")
    assert "has 3 fields, but the header names 2" in str(bad.problem)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"header": False}, "header: false needs columns"),
        ({"columns": ["a", "a"]}, "names 'a' twice"),
        ({"delimiter": "\n"}, "lines end with it"),
        ({"quote": ",", "delimiter": ","}, "quote and delimiter are both ','"),
        ({"encoding": "hex"}, "such as utf-8"),
        ({"encoding": "nonsense"}, "such as utf-8"),
        ({"columns": []}, "at least 1"),
        ({"chunk": {"column": "a"}}, "state tokens or characters"),
    ],
    ids=str,
)
def test_csv_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        data_class("csv")(path="/d", format="csv", **options)


def test_a_header_alone_holds_no_rows() -> None:
    assert read_csv(b"a,b\n") == []
    assert read_csv(b"a,b") == []


def test_a_header_that_names_a_column_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"rows\.csv:1: the header names 'a' twice"):
        read_csv(b"a,b,a\n1,2,3\n")


def test_an_unterminated_quote_is_located_where_it_opens() -> None:
    content = b'a,b\n1,2\n3,"open\n5,6\n7,8\n'
    rows = csv.rows(io.BytesIO(content), "rows.csv", data_class("csv")(path="/d", format="csv"))
    assert next(rows) == Row(2, {"a": "1", "b": "2"})
    with pytest.raises(BadFile, match=r"rows\.csv:3: a quote that opens in this record is never"):
        next(rows)


def test_text_after_a_closing_quote_spoils_its_row_only() -> None:
    rows = read_csv(b'a,b\n"x"y,2\n3,4\n')
    assert rows[0].problem.startswith("not valid CSV")
    assert rows[-1] == Row(3, {"a": "3", "b": "4"})


@pytest.mark.parametrize("content", [b'"a,b\n1,2\n', b'"a"x,b\n1,2\n'])
def test_a_header_that_is_not_csv_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"rows\.csv:1"):
        read_csv(content)


def test_a_header_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(DataError, match="UTF-8"):
        read_csv(b"caf\xe9,b\n1,2\n")


def test_a_blank_line_before_the_header_does_not_make_the_file_empty() -> None:
    assert good(read_csv(b"\na,b\n1,2\n")) == [(3, {"a": "1", "b": "2"})]


# Python's writer leaves a lone carriage return unquoted.
CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=8)


@settings(max_examples=150, deadline=None)
@given(
    header=st.lists(CELL.filter(bool), min_size=2, max_size=4, unique=True),
    records=st.lists(st.lists(CELL, min_size=4, max_size=4), max_size=5),
    end=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([python_csv.QUOTE_MINIMAL, python_csv.QUOTE_ALL]),
)
def test_what_a_csv_writer_wrote_is_read_back(header, records, end, delimiter, quoting) -> None:
    file = io.StringIO(newline="")
    writer = python_csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
    records = [record[: len(header)] for record in records]
    writer.writerows([header, *records])
    content = file.getvalue().encode("utf-8")
    if header[0].startswith("\ufeff"):
        content = BOM + content
    rows = read_csv(content, delimiter)
    assert [fields for _, fields in good(rows)] == [
        dict(zip(header, record, strict=True)) for record in records
    ]
    assert [row.line for row in rows] == sorted({row.line for row in rows})


def check_rows(rows: list[Row]) -> None:
    for row in rows:
        assert row.line >= 1
        assert row.problem or row.fields is not None
    assert [row.line for row in rows] == sorted(row.line for row in rows)


PIECES = st.lists(
    st.binary(max_size=6)
    | st.sampled_from([b"a", b",", b"\n", b"\r\n", b'"', b"\x00", b"\xff", BOM, b"\\", b"{", b"1"]),
    max_size=30,
).map(b"".join)


@settings(max_examples=200, deadline=None)
@given(PIECES)
def test_arbitrary_bytes_below_a_header_are_rows_or_bad_rows(content: bytes) -> None:
    try:
        check_rows(read_csv(b"a,b\n" + content))
    except BadFile as error:
        assert "is never closed" in str(error) and '"' in content.decode("latin-1")


@settings(max_examples=200, deadline=None)
@given(PIECES)
@example(b'"')
def test_arbitrary_bytes_are_rows_or_a_data_error(content: bytes) -> None:
    try:
        check_rows(read_csv(content))
    except DataError as error:
        assert str(error).startswith("rows.csv")


def test_objects_are_read_line_by_line() -> None:
    rows = read_jsonl('{"a": 1, "b": "é"}\n\n  \n{"a": null}\r\n{"a": [1]}'.encode())
    assert good(rows) == [
        (1, {"a": 1, "b": "é"}),
        (4, {"a": None}),
        (5, {"a": [1]}),
    ]


def test_a_byte_order_mark_is_passed_over_in_jsonl_too() -> None:
    assert good(read_jsonl(BOM + b'{"a": 1}\n')) == [(1, {"a": 1})]


@pytest.mark.parametrize(
    ("line", "kind"),
    [(b"[1]", "list"), (b"1", "int"), (b'"x"', "str"), (b"null", "NoneType"), (b"1.5", "float")],
)
def test_what_is_no_object_is_a_bad_row(line: bytes, kind: str) -> None:
    bad, fine = read_jsonl(line + b'\n{"a": 1}\n')
    assert bad.problem == f"a JSON {kind} came, where an object is read on each line"
    assert fine == Row(2, {"a": 1})


@pytest.mark.parametrize("line", [b"{", b'{"a": }', b"{'a': 1}", b'{"a": 1} x', b'{"a": "\x01"}'])
def test_what_is_no_json_is_a_bad_row(line: bytes) -> None:
    bad, fine = read_jsonl(line + b'\n{"a": 1}\n')
    assert bad.problem.startswith("not valid JSON")
    assert fine == Row(2, {"a": 1})


def test_bytes_that_are_not_utf8_spoil_their_line_only() -> None:
    bad, fine = read_jsonl(b'{"a": "\xe9"}\n{"a": 1}\n')
    assert "UTF-8" in bad.problem
    assert fine == Row(2, {"a": 1})


def test_deep_nesting_spoils_its_line_only() -> None:
    depth = 100_000  # Python 3.13 reads 5,000
    line = b'{"a": ' + b"[" * depth + b"]" * depth + b"}"
    bad, fine = read_jsonl(line + b'\n{"a": 1}\n')
    assert bad.problem.startswith("not valid JSON")
    assert fine == Row(2, {"a": 1})


def test_a_number_of_many_digits_spoils_its_line_only() -> None:
    bad, fine = read_jsonl(b'{"a": ' + b"9" * 5000 + b'}\n{"a": 1}\n')
    assert bad.problem.startswith("not valid JSON")
    assert fine == Row(2, {"a": 1})


def test_an_empty_jsonl_file_holds_no_rows() -> None:
    assert read_jsonl(b"") == []
    assert read_jsonl(b"\n \n") == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None)
@given(
    objects=st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=3), max_size=4),
    ascii_only=st.booleans(),
)
def test_what_json_wrote_is_read_back(objects: list[dict[str, Any]], ascii_only: bool) -> None:
    lines = [json.dumps(entry, ensure_ascii=ascii_only) for entry in objects]
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    assert [fields for _, fields in good(read_jsonl(content))] == objects


@settings(max_examples=200, deadline=None)
@given(PIECES)
def test_arbitrary_bytes_are_objects_or_bad_rows(content: bytes) -> None:
    check_rows(read_jsonl(content))


def read_aligned(path: Path) -> list[Row]:
    options = data_class("aligned")(path=str(path), format="aligned")
    with open(path, "rb") as file, unpacked(file, str(path)) as stream:
        return list(aligned.rows(stream, str(path), options))


@pytest.mark.parametrize("packed", ["seq.in", "seq.out"])
def test_aligned_files_are_columns_by_their_names(tmp_path: Path, packed: str) -> None:
    contents = {"seq.in": "to größe\r\n\nin x\n", "seq.out": "O B\n\nO I", "intent": "a\n\nb\n"}
    for name, text in contents.items():
        path = tmp_path / (name + ".gz" if name == packed else name)
        path.write_bytes(gzip.compress(text.encode()) if name == packed else text.encode())
    (tmp_path / ".hidden").write_text("x")
    for path in tmp_path.glob("[!.]*"):
        assert good(read_aligned(path)) == [
            (1, {"seq.in": "to größe", "seq.out": "O B", "intent": "a"}),
            (3, {"seq.in": "in x", "seq.out": "O I", "intent": "b"}),
        ]
        options = data_class("aligned")(path="x", format="aligned")
        assert len(aligned.companions(str(path), options)) == 2


def test_aligned_files_of_other_lengths_and_codes_are_bad_rows(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1\n2\n3\n")
    (tmp_path / "b").write_bytes(b"\xff\n2\n")
    first, second, last = read_aligned(tmp_path / "a")
    assert first.problem and "not UTF-8" in first.problem
    assert second.fields == {"a": "2", "b": "2"}
    assert last.line == 3 and f"{tmp_path / 'b'} ended before this line" in str(last.problem)


def test_aligned_files_that_cannot_be_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1\n")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"1\n"))
    with pytest.raises(DataError, match="holds 'a' twice, packed and not"):
        read_aligned(tmp_path / "a")
    with pytest.raises(DataError, match="reads files of this machine"):
        options = data_class("aligned")(path="x", format="aligned")
        next(aligned.rows(io.BytesIO(b"1\n"), "gs://b/a", options))
