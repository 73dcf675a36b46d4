"""Which files an experiment reads, and what a look at their heads finds before anything runs."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.files import HEAD_ROWS, Source, check_heads, content_hashes, sources
from components.ingest.options import DataOptions, data_class
from components.ingest.splits import SplitByColumn, SplitByFiles
from components.spec import IngestConfig
from models.features.categorical import Options as Categorical
from models.tasks.classify import Options as Classify

CONTENT = "text,sentiment\nfine,good\npoor,bad\n"


def data(path: Path | str, **fields: Any) -> DataOptions:
    fields = {"format": "csv"} | fields
    return data_class(fields["format"])(path=str(path), **fields)


def config(path: Path | str, missing: str | None = None, **fields: Any) -> IngestConfig:
    return IngestConfig(
        data=data(path, **fields),
        features={"review": Categorical(kind="categorical", column="text", missing=missing)},
        task=Classify(kind="classify", label="sentiment"),
        code="",
    )


def refused(given: IngestConfig) -> str:
    with pytest.raises(DataError) as caught:
        check_heads(given)
    return str(caught.value)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(CONTENT, encoding="utf-8")
    return path


def test_a_file_or_a_pattern_is_found_under_its_folder(rows: Path) -> None:
    folder = str(rows.parent)
    assert sources(data(rows)) == (folder, [Source("all", "rows.csv")])
    assert sources(data(rows.parent / "*.csv")) == (folder, [Source("all", "*.csv")])
    assert check_heads(config(rows)) == [str(rows)]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "tsv.gz"])
def test_a_folder_is_read_by_the_one_ending_in_it(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"b.{ending}").touch()
    (tmp_path / "README.txt").touch()
    assert sources(data(tmp_path)) == (str(tmp_path), [Source("all", f"*.{ending}")])


def test_all_files_of_a_folder_are_looked_at_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text(CONTENT, encoding="utf-8")
    assert check_heads(config(tmp_path)) == [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]


def test_a_folder_with_two_endings_is_ambiguous(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / "b.tsv").touch()
    message = refused(config(tmp_path))
    assert message.startswith(f"{tmp_path}: the folder holds files named *.csv and *.tsv")
    assert f"data.path: {tmp_path / '*.csv'}" in message


def test_a_folder_without_any_file_of_the_format_is_refused(rows: Path) -> None:
    message = refused(config(rows.parent, format="jsonl"))
    assert f"{rows.parent}: no jsonl file in this folder (*.jsonl, " in message


def test_a_folder_may_have_brackets_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "data [v1]"
    folder.mkdir()
    (folder / "rows.csv").write_text(CONTENT, encoding="utf-8")
    (folder / "[1].csv").write_text(CONTENT, encoding="utf-8")
    assert check_heads(config(folder)) == [str(folder / "[1].csv"), str(folder / "rows.csv")]
    assert check_heads(config(folder / "r*.csv")) == [str(folder / "rows.csv")]
    assert check_heads(config(folder / "[1].csv")) == [str(folder / "[1].csv")]
    split = SplitByFiles(by="files", train="rows.csv", validate=0.2, test="[1].csv")
    assert check_heads(config(folder, split=split)) == [
        str(folder / "rows.csv"),
        str(folder / "[1].csv"),
    ]
    assert refused(config(folder / "no.csv")).startswith(f"{folder / 'no.csv'}: no such file")


def test_given_files_carry_the_split_they_are_for(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.csv").write_text(CONTENT, encoding="utf-8")
    names = {"by": "files", "train": "a.csv", "test": "c.csv"}
    held_out = SplitByFiles(**names, validate=0.2)
    given = [Source("train", "a.csv"), Source("test", "c.csv")]
    assert sources(data(tmp_path, split=held_out)) == (str(tmp_path), given)
    all_given = SplitByFiles(**names, validate="b.csv")
    assert check_heads(config(tmp_path, split=all_given)) == [
        str(tmp_path / f"{name}.csv") for name in ("a", "b", "c")
    ]


def test_a_missing_file_is_named_with_what_named_it(tmp_path: Path) -> None:
    message = refused(config(tmp_path / "none.csv"))
    assert message.startswith(f"{tmp_path / 'none.csv'}: no such file (data.path is ")
    assert "a relative path starts at the experiment file's folder" in message
    split = SplitByFiles(by="files", train="a.csv", validate=0.2, test="c.csv")
    message = refused(config(tmp_path, split=split))
    assert message.startswith(f"{tmp_path / 'a.csv'}: no such file")
    assert "data.split.train is 'a.csv'" in message


def test_an_empty_file_is_refused(rows: Path) -> None:
    rows.write_bytes(b"")
    assert refused(config(rows)).startswith(f"{rows}: the file is empty; a header")


def test_a_header_without_rows_is_refused(rows: Path) -> None:
    rows.write_text("text,sentiment\n", encoding="utf-8")
    assert refused(config(rows)) == f"{rows}: holds no rows"


def test_an_empty_jsonl_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.touch()
    assert refused(config(path, format="jsonl")) == f"{path}: holds no rows"


def test_a_label_column_that_is_not_there_is_named_with_the_nearest(rows: Path) -> None:
    rows.write_text(CONTENT.replace("sentiment", "sentimant"), encoding="utf-8")
    assert refused(config(rows)) == (
        f"{rows}:2: no column 'sentiment' (task.label); the columns are 'text', 'sentimant'; "
        "did you mean 'sentimant'?"
    )


def test_every_column_that_the_experiment_names_is_looked_for(rows: Path) -> None:
    rows.write_text("words,sentiment\na,good\n", encoding="utf-8")
    assert "no column 'text' (features.review.column)" in refused(config(rows))
    assert check_heads(config(rows, missing="")) == [str(rows)]
    rows.write_text(CONTENT, encoding="utf-8")
    assert "no column 'who' (data.group)" in refused(config(rows, group="who"))
    split = SplitByColumn(by="column", column="part")
    assert "no column 'part' (data.split.column)" in refused(config(rows, split=split))


def test_a_bad_row_among_the_first_is_located(rows: Path) -> None:
    rows.write_text(CONTENT + "\nno label,\n", encoding="utf-8")
    message = refused(config(rows))
    assert message.startswith(f"{rows}:5: column 'sentiment' is empty")


def test_a_first_row_that_does_not_fit_the_header_is_located(rows: Path) -> None:
    rows.write_text("text,sentiment\none\n", encoding="utf-8")
    assert refused(config(rows)).startswith(f"{rows}:2: has 1 field, but the header names 2")


def test_only_the_head_is_read(rows: Path) -> None:
    fine = CONTENT + "more,good\n" * HEAD_ROWS
    rows.write_text(fine + "bad row\n", encoding="utf-8")
    assert check_heads(config(rows)) == [str(rows)]


def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(CONTENT.encode()))
    assert check_heads(config(path)) == [str(path)]


def test_a_packed_file_that_was_cut_off_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(CONTENT.encode())[:-12])
    assert refused(config(path)).startswith(
        (f"{path}: cannot be read beyond", f"{path}:2: cannot be read beyond")
    )


def test_a_file_that_only_claims_to_be_packed_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_text(CONTENT, encoding="utf-8")
    assert refused(config(path)).startswith(
        (f"{path}: cannot be read beyond", f"{path}:2: cannot be read beyond")
    )


def test_a_header_that_is_not_csv_is_refused(rows: Path) -> None:
    rows.write_text('"text,sentiment\nfine,good\n', encoding="utf-8")
    assert str(rows) in refused(config(rows))


def test_a_file_of_two_splits_is_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "test.csv"):
        (tmp_path / name).write_text("text,label\nwords,x\n")
    split = {"by": "files", "train": "*.csv", "test": "test.csv"}
    config = IngestConfig(
        data={"path": str(tmp_path), "format": "csv", "split": split},
        features={"text": {"kind": "text"}},
        task={"kind": "classify", "label": "label"},
        code="",
    )
    with pytest.raises(DataError, match=r"data.split.test .* another split reads too"):
        check_heads(config)


def test_content_hashes_see_an_edit_of_the_same_size_and_second(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    data = data_class("jsonl")(path=str(path), format="jsonl")
    path.write_text('{"label": 0}')
    os.utime(path, ns=(1, 1))
    before = content_hashes(data)
    path.write_text('{"label": 1}')
    os.utime(path, ns=(2, 2))
    assert content_hashes(data) != before and list(before) == [str(path)]


def test_content_hashes_see_an_edit_beside_the_named_file(tmp_path: Path) -> None:
    for name in ("seq.in", "seq.out"):
        (tmp_path / name).write_text("a b\n")
    data = data_class("aligned")(path=str(tmp_path / "seq.in"), format="aligned")
    before = content_hashes(data)
    assert list(before) == [str(tmp_path / "seq.in"), str(tmp_path / "seq.out")]
    (tmp_path / "seq.out").write_text("O B\n")
    os.utime(tmp_path / "seq.out", ns=(2, 2))
    assert content_hashes(data) != before
