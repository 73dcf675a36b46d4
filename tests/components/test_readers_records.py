"""JSON documents and nested fields, Parquet, and TFRecord: what is read, and what is refused."""

import datetime
import decimal
import io
import json
import struct
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest import json_stream
from components.ingest.example_records import masked_checksum, sequence_example_class
from components.ingest.options import data_class
from components.ingest.parts import reader
from components.ingest.rows import BadFile, Row

NESTED = {"turns": [{"asr": [["a", 0.5], ["b", 0.25]], "acts": ["x", ["y", "z"]]}, {"asr": []}]}


def read(data_format: str, content: bytes, **options: Any) -> list[Row]:
    data = data_class(data_format)(path="/d", format=data_format, **options)
    return list(reader(data_format).rows(io.BytesIO(content), "/d/a", data))


def good(rows: list[Row]) -> list[dict[str, Any]]:
    assert all(row.problem is None and row.skipped is None for row in rows), rows
    assert [row.line for row in rows] == list(range(1, len(rows) + 1))
    return [dict(row.fields) for row in rows]


def test_nested_values_pass_as_they_are_and_fields_reach_inside() -> None:
    fields = {"words": "turns[].asr[][0]", "acts": "turns[].acts?|text(=)"}
    for data_format, content in (("json", [NESTED]), ("jsonl", NESTED)):
        (row,) = good(read(data_format, json.dumps(content).encode(), fields=fields))
        assert row == {**NESTED, "words": [["a", "b"], []], "acts": ["x=y=z", ""]}


def test_a_record_whose_path_breaks_off_is_bad_and_kept() -> None:
    for data_format, content in (
        ("json", b'[{"a": 1}, {"b": [2]}]'),
        ("jsonl", b'{"a": 1}\n{"b": 2}'),
    ):
        first, second = read(data_format, content, fields={"x": "b[0]?"})
        assert "data.fields.x (b[0]?): the record has no 'b'; it has 'a'" in str(first.problem)
        assert first.came == '{"a": 1}'
        assert second.problem is None or "data.fields.x (b[0]?): b is 2, where" in second.problem


def test_records_that_are_lists_are_read_by_places() -> None:
    assert good(read("json", b'[["a", [1]], ["b", []]]', fields={"x": "[0]", "y": "[1]"})) == [
        {"x": "a", "y": [1]},
        {"x": "b", "y": []},
    ]
    (bad,) = read("json", b"[[1]]")
    assert bad.problem == "a JSON list came, where an object is read as each record"


def test_deep_lists_are_a_problem_of_their_record() -> None:
    deep = b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}"
    (row,) = read("jsonl", deep, fields={"x": "a|text"})
    assert row.problem is None or "too many to be read" in row.problem


@pytest.mark.parametrize("fields", [{"x": "a["}, {"x": ""}])
def test_paths_are_checked_at_once(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="came, where a name"):
        data_class("jsonl")(path="/d", format="jsonl", fields=fields)


@pytest.mark.parametrize("records", ["a[0]", "a?", "a|text", "[]"])
def test_the_path_of_the_records_is_one_of_names(records: str) -> None:
    with pytest.raises(ValueError, match="names with dots between them are read"):
        data_class("json")(path="/d", format="json", records=records)


def test_the_array_may_be_inside() -> None:
    content = b'{"meta": {"rows": 1}, "a": {"b": [0], "rows": [{"x": 1}, {"x": 2}]}, "end": []}'
    assert good(read("json", content, records="a.rows")) == [{"x": 1}, {"x": 2}]
    assert good(read("json", b'{"a.b": [{"x": 1}]}', records='"a.b"')) == [{"x": 1}]
    assert good(read("json", b'{"a": []}', records="a")) == []


@pytest.mark.parametrize(
    ("content", "records", "message"),
    [
        (b"", None, "line 1: nothing came, where an array of records is read"),
        (b'{"a": 1}', None, "an object came, where an array of records is read .*data.records"),
        (b'{"a": 1}', "b", r"the object has no 'b' \(data.records\)"),
        (b'{"a": {"c": 1}}', "a.b", r"the object at 'a' has no 'b'"),
        (b'{"a": 1}', "a", "'1' came at 'a', where an array of records is read"),
        (b"[1]", "a", "an array came, where an object with 'a' is read"),
        (b'[{"a": 1}\n{"a": 2}]', None, "line 2: an object came, where ',' or ']' is read"),
        (b'[{"a": 1},\n{"a" 2}]', None, "line 2: not valid JSON: Expecting ':' delimiter"),
        (b'[{"a": 1},\n{"a": 2', None, r"line 2: not valid JSON.*\(is the file cut off\?\)"),
        (b'[{"a": 1}', None, "the end of the file came, where ',' or ']' is read"),
        (b'[{"a": "x', None, "not valid JSON: Unterminated string"),
        (b"[] []", None, "an array came after the end of the document"),
        (b'{"a": 1}\n{"a": 2}', "b", r"the object has no 'b'"),
        (b'[{"a": "\xff"}]', None, r"bytes that are not UTF-8 came soon after"),
        (b"[" + b"9" * 5000 + b"]", None, "a number has more than 4300 digits"),
        (b'{"a" [1]}', "a", "an array came, where ':' is read"),
        (b"{1: 2}", "a", "'1' came, where a name in quotes is read"),
    ],
    ids=str,
)
def test_documents_that_cannot_be_read_say_where(
    content: bytes, records: Any, message: str
) -> None:
    with pytest.raises(BadFile, match=message):
        read("json", content, records=records)


def test_what_stands_before_the_damage_is_read() -> None:
    options = data_class("json")(path="/d", format="json")
    rows = reader("json").rows(io.BytesIO(b'[{"a": 1}, {"a": 2}, {"a": '), "/d/a", options)
    assert [next(rows).fields, next(rows).fields] == [{"a": 1}, {"a": 2}]
    with pytest.raises(BadFile):
        next(rows)


def test_a_record_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_FIELD_BYTES", 100)
    monkeypatch.setattr(json_stream, "CHUNK", 10)
    with pytest.raises(BadFile, match="a record of more than"):
        read("json", b'["' + b"x" * 1000)
    assert len(read("json", b'["' + b'", "'.join([b"x"] * 100) + b'"]')) == 100


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@settings(max_examples=120, deadline=None)
@given(
    records=st.lists(JSON, max_size=4),
    beside=JSON,
    size=st.integers(1, 40),
    options=st.sampled_from([{}, {"ensure_ascii": False}, {"indent": 2}]),
)
def test_what_json_wrote_is_read_back_however_it_is_cut(records, beside, size, options) -> None:
    before = json_stream.CHUNK
    json_stream.CHUNK = size  # A fixture would not be set anew for each example.
    try:
        for document, path in ((records, []), ({"x": beside, "a": {"b": records}}, ["a", "b"])):
            content = json.dumps(document, **options).encode("utf-8", "surrogatepass")
            try:
                content.decode("utf-8")
            except UnicodeDecodeError:
                continue
            assert list(json_stream.records(io.BytesIO(content), path)) == records
    finally:
        json_stream.CHUNK = before


def parquet(table: pyarrow.Table, **options: Any) -> list[Row]:
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file, row_group_size=2)
    return read("parquet", file.getvalue(), **options)


DAY = datetime.datetime(2026, 3, 31, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("values", "kind", "came"),
    [
        ([1, None], pyarrow.int64(), [1, None]),
        ([0.5, None], pyarrow.float32(), [0.5, None]),
        ([True], pyarrow.bool_(), [True]),
        (["é", None, ""], pyarrow.string(), ["é", None, ""]),
        (["é"], pyarrow.large_string(), ["é"]),
        ([b"\xff"], pyarrow.binary(), [b"\xff"]),
        ([["a"], [], None], pyarrow.list_(pyarrow.string()), [["a"], [], None]),
        ([[[1.0], []], []], pyarrow.list_(pyarrow.list_(pyarrow.float64())), [[[1.0], []], []]),
        ([[1, 2]], pyarrow.list_(pyarrow.int8(), 2), [[1, 2]]),
        ([{"a": 1, "b": ["x"]}, None], None, [{"a": 1, "b": ["x"]}, None]),
        ([[("a", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int32()), [[["a", 1]]]),
        ([datetime.date(2026, 3, 31)], pyarrow.date32(), ["2026-03-31"]),
        ([DAY], pyarrow.timestamp("us", "UTC"), ["2026-03-31T12:00:00+00:00"]),
        ([DAY.replace(tzinfo=None)], pyarrow.timestamp("ms"), ["2026-03-31T12:00:00"]),
        ([[DAY.date(), None]], pyarrow.list_(pyarrow.date32()), [["2026-03-31", None]]),
        ([datetime.time(1, 2)], pyarrow.time32("s"), ["01:02:00"]),
        ([decimal.Decimal("1.50")], pyarrow.decimal128(5, 2), ["1.50"]),
        ([datetime.timedelta(minutes=1)], pyarrow.duration("us"), [60.0]),
        ([None], pyarrow.null(), [None]),
    ],
    ids=str,
)
def test_parquet_s_types_are_values(values: list[Any], kind: Any, came: list[Any]) -> None:
    table = pyarrow.table({"x": pyarrow.array(values, kind)})
    assert good(parquet(table)) == [{"x": value} for value in came]


def test_parquet_s_categories_are_their_texts() -> None:
    column = pyarrow.array(["a", "b", "a"]).dictionary_encode()
    assert good(parquet(pyarrow.table({"x": column})))[1] == {"x": "b"}


def test_columns_of_parquet_are_picked_in_order() -> None:
    table = pyarrow.table({"a": [1], "b": [2], "c": [3]})
    ((_, fields),) = ((row.line, row.fields) for row in parquet(table, columns=["c", "a"]))
    assert list(fields.items()) == [("c", 3), ("a", 1)]
    with pytest.raises(BadFile, match=r"no column 'd' \(data.columns\); the columns are 'a', 'b'"):
        parquet(table, columns=["d"])


def test_a_damaged_parquet_file_says_so() -> None:
    with pytest.raises(BadFile, match=r"/d/a: cannot be read as Parquet \(is it whole"):
        read("parquet", b"PAR1 not really PAR1")
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"x": [1]}), file)
    for kept in range(0, len(file.getvalue()), 7):
        with pytest.raises(BadFile, match="cannot be read as Parquet"):
            read("parquet", file.getvalue()[:kept])


def framed(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    checksums = [struct.pack("<I", masked_checksum(part)) for part in (length, content)]
    return length + checksums[0] + content + checksums[1]


def example(**features: list[Any]) -> Any:
    message = sequence_example_class()()
    for name, values in features.items():
        add(message.context.feature[name], values)
    return message


def add(feature: Any, values: list[Any]) -> None:
    for value in values:
        kinds = {int: feature.int64_list, float: feature.float_list, bytes: feature.bytes_list}
        kinds[type(value)].value.append(value)


def records(*messages: Any) -> bytes:
    return b"".join(framed(message.SerializeToString()) for message in messages)


def test_the_checksum_is_the_one_of_the_format() -> None:
    # Of the length 0, as every TFRecord file with an empty record begins.
    assert framed(b"")[:12].hex() == "000000000000000029039807"


def test_one_value_is_a_scalar_and_several_are_a_list() -> None:
    first = example(n=[1], x=[0.5, 1.5], word=["é".encode()], none=[])
    second = example(n=[1, 2], word=[b"b", b"c"])
    assert good(read("tfrecord", records(first, second))) == [
        {"n": 1, "none": None, "word": "é", "x": [0.5, 1.5]},
        {"n": [1, 2], "word": ["b", "c"]},
    ]
    options = {"lists": ["n", "none"], "bytes": ["word"]}
    rows = good(read("tfrecord", records(first, second), **options))
    assert rows[0]["n"] == [1] and rows[0]["none"] == [] and rows[0]["word"] == "é".encode()


def test_feature_lists_are_lists_of_lists_or_of_scalars() -> None:
    message = example(id=[b"a"])
    for values in ([b"x"], [b"y", b"z"], []):
        add(message.feature_lists.lists["words"].feature.add(), values)
    (row,) = good(read("tfrecord", records(message)))
    assert row == {"id": "a", "words": [["x"], ["y", "z"], []]}
    (bad,) = read("tfrecord", records(message), scalars=["words"])
    assert "feature 'words' holds 2 values in step 1, where one is read" in str(bad.problem)
    del message.feature_lists.lists["words"].feature[1]
    (row,) = good(read("tfrecord", records(message), scalars=["words"]))
    assert row["words"] == ["x", None]


@pytest.mark.parametrize(
    ("message", "options", "problem"),
    [
        (example(x=[b"\xff"]), {}, "feature 'x' holds bytes that are not UTF-8 (if they are no"),
        (example(x=[1, 2]), {"scalars": ["x"]}, "feature 'x' holds 2 values, where one is read"),
    ],
    ids=["bytes", "values"],
)
def test_features_that_hold_something_else_are_bad_rows(message, options, problem: str) -> None:
    bad, fine = read("tfrecord", records(message, example(x=[1])), **options)
    assert problem in str(bad.problem) and bad.line == 1 and bad.came
    assert fine == Row(2, {"x": 1})


def test_a_name_in_both_parts_is_bad() -> None:
    message = example(x=[1])
    message.feature_lists.lists["x"].feature.add()
    (bad,) = read("tfrecord", records(message))
    assert "'x' is in the context and in the feature lists" in str(bad.problem)


def test_damage_is_of_a_record_or_of_all_that_follow() -> None:
    content = records(example(x=[1]), example(x=[2]), example(x=[3]))
    size = len(content) // 3
    hurt = bytearray(content)
    hurt[size + 14] ^= 1
    first, second, third = read("tfrecord", bytes(hurt))
    assert (first.line, second.line, third.line) == (1, 2, 3)
    assert second.problem == "is damaged: its bytes have another checksum"
    assert third.fields == {"x": 3}
    (row,) = read("tfrecord", framed(b"\xff"))
    assert row.problem == "is neither a tf.Example nor a SequenceExample"
    hurt[size] ^= 1
    with pytest.raises(BadFile, match=r"the length of record 2 .* damaged from here"):
        read("tfrecord", bytes(hurt))
    with pytest.raises(BadFile, match=r"the length of record 1 .* a TFRecord file\?"):
        read("tfrecord", b"plain text of some length")
    for kept, part in (
        (size + 5, "record 2 is cut off in its length"),
        (-1, "record 3 is cut off"),
    ):
        with pytest.raises(BadFile, match=part):
            read("tfrecord", content[:kept])


def test_a_feature_is_a_list_or_a_scalar() -> None:
    with pytest.raises(ValueError, match="'x' cannot be in lists and in scalars"):
        data_class("tfrecord")(path="/d", format="tfrecord", lists=["x"], scalars=["x"])
