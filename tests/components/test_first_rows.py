"""Rows that show a finding are found in the examples, whatever the form of their values."""

from typing import Any

import pytest
import tensorflow as tf

from components.spec import ID_FEATURE
from components.validate.anomalies import Search
from components.validate.rows import first_rows
from models.raw import Raw

FORMS = {
    "shop": Raw(dtype="string"),
    "tags": Raw(dtype="string", shape=(None,)),
    "price": Raw(dtype="float"),
    "wave": Raw(dtype="float", shape=(None, 2)),
}


def feature(values: list[Any]) -> tf.train.Feature:
    if isinstance(values[0], str):
        content = [value.encode() for value in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=content))
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("examples")
    split = folder / "Split-train"
    split.mkdir()
    with tf.io.TFRecordWriter(str(split / "data-0.gz"), "GZIP") as writer:
        for number in range(10):
            values: dict[str, list[Any]] = {
                ID_FEATURE: [f"rows.csv:{number + 2}"],
                "shop": ["abc"[number % 3]],
                "tags": ["O"] * number + ["B"],
                "price": [float("nan") if number == 5 else float(number)],
                "wave": [0.0, 1.0] * (number + 1),
            }
            features = {name: feature(value) for name, value in values.items()}
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    return str(folder)


def found(uri: str, *searches: Search) -> list[list[list[str]]]:
    return first_rows(uri, "train", searches, FORMS, lambda name, value: len(value))


def places(rows: list[list[str]]) -> list[int]:
    return [int(row.partition(":")[2]) - 2 for row, _ in rows]


def test_every_search_finds_its_first_three_rows(uri: str) -> None:
    other, tags, outside, inside, length, size, none = found(
        uri,
        Search("shop", "other", ["a", "b"]),
        Search("tags", "equal", ["B"]),
        Search("price", "outside", [1.0, 3.0]),
        Search("price", "inside", [8.0, 9.0]),
        Search("wave", "length", [9, 99]),
        Search("wave", "size", [18, 99]),
        Search("shop", "equal", ["z"]),
    )
    assert other == [["rows.csv:4", "c"], ["rows.csv:7", "c"], ["rows.csv:10", "c"]]
    assert places(tags) == [0, 1, 2] and {value for _, value in tags} == {"B"}
    # A missing number lies nowhere.
    assert places(outside) == [0, 4, 6] and outside[1][1] == "4"
    assert places(inside) == [8, 9]
    assert places(length) == [8, 9] and length[0][1].startswith("9 steps: [[0.0, 1.0], [0")
    assert places(size) == [8, 9] and size[0][1].startswith("18 values: ")
    assert none == []


def test_nothing_is_read_where_no_row_could_show_anything(uri: str) -> None:
    assert found(uri, Search(), Search("gone", "equal", ["a"])) == [[], []]
    assert first_rows(f"{uri}/nowhere", "train", [Search()], FORMS, len) == [[]]
