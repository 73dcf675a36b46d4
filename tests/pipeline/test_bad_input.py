"""Data that cannot be used, met in the middle of a run: one message that names file and row."""

import gzip
import json
from pathlib import Path

import pytest
from support import Ran, run_file, write_experiment

from components.errors import DataError
from pipeline.corpora.word_order import json_lines

pytestmark = pytest.mark.slow

# What the data are, not what is learnt from them, is tested here.
QUICK = ("training.epochs=1", "release={thresholds: {accuracy: 0}, beat_baseline: false}")


def lines(count: int = 400) -> list[str]:
    return json_lines(count).splitlines(keepends=True)


def run(folder: Path, content: str | bytes, *overrides: str) -> Ran:
    file = write_experiment(folder, "")
    data = folder / "rows.jsonl"
    if isinstance(content, bytes):
        data.write_bytes(content)
    else:
        data.write_text(content, encoding="utf-8")
    return run_file(file, folder / "home", QUICK + overrides)


def stopped_at(ran: Ran) -> str:
    (failed,) = [name for name, state in ran.states().items() if state == "failed"]
    return failed


def test_bad_rows_below_the_head_are_named_together(tmp_path: Path) -> None:
    rows = [line.encode() for line in lines()]
    rows[299] = b'{"text": "bytes that are not UTF-8: \xff", "label": "cat first"}\n'
    rows[309] = b'{"text": "no label"}\n'
    rows[319] = b'{"text": "a row too sho\n'
    ran = run(tmp_path, b"".join(rows))
    assert isinstance(ran.failure, DataError)
    assert stopped_at(ran) == "Ingest"
    message = str(ran.failure).splitlines()
    path = tmp_path / "rows.jsonl"
    assert [line.partition(": ")[0] for line in message] == [
        f"{path}:{number}" for number in (300, 310, 320)
    ]
    assert "not UTF-8" in message[0] and "'label'" in message[1] and "JSON" in message[2]


def test_csv_row_too_short_is_named(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in lines()]
    table = ["text,label\n"] + [f"{row['text']},{row['label']}\n" for row in rows]
    table[350] = "only a text\n"
    write_experiment(tmp_path, "")
    (tmp_path / "rows.csv").write_text("".join(table), encoding="utf-8")
    file = tmp_path / "order.yaml"
    overrides = ("data.format=csv", f"data.path={tmp_path / 'rows.csv'}", *QUICK)
    ran = run_file(file, tmp_path / "home", overrides)
    assert isinstance(ran.failure, DataError)
    assert str(ran.failure).startswith(f"{tmp_path / 'rows.csv'}:351: has 1 field")


def test_truncated_gzip_names_the_file(tmp_path: Path) -> None:
    whole = gzip.compress("".join(lines(4000)).encode())
    write_experiment(tmp_path, "")
    (tmp_path / "rows.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    overrides = (f"data.path={tmp_path / 'rows.jsonl.gz'}", *QUICK)
    ran = run_file(tmp_path / "order.yaml", tmp_path / "home", overrides)
    assert isinstance(ran.failure, DataError)
    assert "rows.jsonl.gz" in str(ran.failure) and "cannot be read" in str(ran.failure)


def test_label_seen_once_is_named_with_its_row(tmp_path: Path) -> None:
    rows = lines()
    rows[250] = json.dumps({"text": "a rare one", "label": "neither"}) + "\n"
    ran = run(tmp_path, "".join(rows))
    assert isinstance(ran.failure, DataError)
    assert stopped_at(ran) == "DataGate"
    assert str(ran.failure).startswith(f"{tmp_path / 'rows.jsonl'}:251: label 'neither'")


def test_huge_and_empty_texts_and_a_class_missing_from_test_work(tmp_path: Path) -> None:
    rows = [json.loads(line) | {"fold": "train"} for line in lines()]
    for index, row in enumerate(rows):
        row["fold"] = ("train", "train", "validate", "test")[index // 2 % 4]
    rows[0]["text"] = "word " * 100_000
    rows[2]["text"] = ""
    for index in (1, 8, 9):
        rows[index]["label"] = "neither"
    rows[4]["label"] = "neither"
    ran = run(
        tmp_path,
        "".join(json.dumps(row) + "\n" for row in rows),
        "data.split={by: column, column: fold}",
    )
    assert ran.failure is None
    assert ran.record.warnings == [
        "label 'neither' has no row in the test split: its quality is not judged"
    ]
    assert ran.record.verdict is not None and ran.record.verdict["blessed"]
