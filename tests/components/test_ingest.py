"""Ingest through Beam: what is kept, counted, put aside and refused."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError

pytestmark = pytest.mark.slow

EXPERIMENT = """\
name: rows
data: {path: rows.csv, format: csv}
features: {text: {kind: text}}
task: {kind: classify, label: label}
"""


class Ingested:
    """What ingest made of a file."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.summary = json.loads((folder / "summary.json").read_text())

    def ids(self, split: str) -> list[str]:
        from components.read import raw_examples, text_of

        return [text_of(example, "_id") for example in raw_examples(str(self.folder), split)]


def ingest(
    folder: Path, content: str | bytes, text: str = EXPERIMENT, beam: tuple[str, ...] = ()
) -> Ingested:
    """Runs the executor on a file of some content.

    Raises:
        DataError: as the executor does.
    """
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.proto import example_gen_pb2
    from tfx.types.standard_artifacts import Examples
    from tfx.utils import proto_utils

    from components.ingest.executor import IngestExecutor, custom_config
    from pipeline.experiment import load
    from pipeline.node_configs import ingest_config
    from pipeline.stack import LOCAL_BEAM_ARGS

    folder.mkdir(exist_ok=True)
    raw = content.encode() if isinstance(content, str) else content
    name = "rows.csv.gz" if "rows.csv.gz" in text else "rows.csv"
    (folder / name).write_bytes(raw)
    (folder / "rows.yaml").write_text(text)
    experiment = load(str(folder / "rows.yaml"), data_alone=True)
    artifact = Examples()
    artifact.uri = str(folder / "examples")
    properties: dict[str, Any] = {
        "custom_config": proto_utils.proto_to_json(custom_config(ingest_config(experiment))),
        "output_data_format": example_gen_pb2.FORMAT_TF_EXAMPLE,
        "output_file_format": example_gen_pb2.FILE_FORMAT_UNSPECIFIED,
    }
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=[*LOCAL_BEAM_ARGS, *beam], tmp_dir=str(folder)
    )
    IngestExecutor(context).Do({}, {"examples": [artifact]}, properties)
    return Ingested(folder / "examples")


def rows(count: int, label: str = "a") -> str:
    return "text,label,part\n" + "".join(f"text {n},{label},{n % 7}\n" for n in range(count))


def with_data(fields: str, text: str = EXPERIMENT) -> str:
    return text.replace("format: csv}", f"format: csv, {fields}}}")


def test_every_row_is_in_one_split_and_counted(tmp_path: Path) -> None:
    came = ingest(tmp_path, rows(500))
    ids = [name for split in ("train", "validate", "test") for name in came.ids(split)]
    assert sorted(ids) == sorted(f"{tmp_path}/rows.csv:{line}" for line in range(2, 502))
    assert came.summary["read"] == 500 and sum(came.summary["rows"].values()) == 500
    assert {split: len(came.ids(split)) for split in ("train", "validate", "test")} == (
        came.summary["rows"]
    )
    assert sum(counts["a"][0] for counts in came.summary["labels"].values()) == 500


def test_bad_rows_are_put_aside_with_their_reasons(tmp_path: Path) -> None:
    content = rows(100) + "too,many,fields,here\nno label,,3\n"
    with pytest.raises(DataError, match=r"rows\.csv:102: has 4 fields"):
        ingest(tmp_path / "fail", content)
    came = ingest(tmp_path / "aside", content, with_data("on_bad_row: quarantine"))
    lines = (came.folder / "quarantine.jsonl").read_text().splitlines()
    aside = {row["line"]: row for row in map(json.loads, lines)}
    assert aside.keys() == {102, 103} and came.summary["problem_count"] == 2
    assert "no label" in aside[103]["row"] and "is empty" in aside[103]["problem"]
    assert sum(came.summary["rows"].values()) == 100
    skipped = ingest(tmp_path / "skip", content, with_data("on_bad_row: skip"))
    assert sum(skipped.summary["rows"].values()) == 100
    assert not (skipped.folder / "quarantine.jsonl").exists()


def test_rows_before_a_cut_in_a_packed_file_are_kept_if_bad_ones_are_skipped(
    tmp_path: Path,
) -> None:
    packed = gzip.compress("".join(rows(3000)).encode())
    text = with_data("on_bad_row: skip").replace("rows.csv", "rows.csv.gz")
    came = ingest(tmp_path, packed[: len(packed) // 2], text)
    assert 0 < sum(came.summary["rows"].values()) < 3000
    assert "cannot be read beyond this line" in came.summary["problems"][0][2]


def test_if_no_row_can_be_used_the_first_problems_are_shown(tmp_path: Path) -> None:
    content = "text,label\n" + "a;b\n" * 9
    with pytest.raises(DataError, match=r"no row can be used:\n.*rows\.csv:2: has 1 field,"):
        ingest(tmp_path, content, with_data("on_bad_row: skip"))


def test_the_same_inputs_in_two_splits_stop_the_run(tmp_path: Path) -> None:
    text = with_data("split: {by: column, column: part}")
    content = "text,label,part\nsame,a,train\nsame,b,test\nother,a,validate\nother,a,validate\n"
    with pytest.raises(DataError) as stopped:
        ingest(tmp_path / "stops", content, text)
    message = str(stopped.value)
    assert "1 rows with the same inputs as a row of another split" in message
    assert "rows.csv:2" in message and "rows.csv:3" in message and "allow_leaks: true" in message
    allowed = with_data("allow_leaks: true, split: {by: column, column: part}")
    came = ingest(tmp_path / "allowed", content, allowed)
    assert came.summary["leaks"]["inputs"]["count"] == 1
    assert came.summary["duplicates"] == {"train": 0, "validate": 1, "test": 0}


def test_a_group_in_two_splits_stops_the_run(tmp_path: Path) -> None:
    text = with_data("group: label, split: {by: column, column: part}")
    content = "text,label,part\none,a,train\ntwo,a,test\nthree,b,validate\n"
    with pytest.raises(DataError, match=r"1 groups \(data.group\) with rows in several splits"):
        ingest(tmp_path, content, text)


def test_an_id_names_one_row(tmp_path: Path) -> None:
    came = ingest(tmp_path / "fine", "text,label,part\na,x,7\nb,y,8\n", with_data("id: part"))
    assert sorted(name for split in came.summary["rows"] for name in came.ids(split)) == ["7", "8"]
    with pytest.raises(DataError, match=r"data.id: column 'part' names several rows the same"):
        ingest(tmp_path / "bad", "text,label,part\na,x,7\nb,y,7\n", with_data("id: part"))


def test_a_split_by_time_leaves_its_gap_out(tmp_path: Path) -> None:
    content = "text,label,day\n" + "".join(f"text {n},a,2026-01-{n:02d}\n" for n in range(1, 31))
    split = "split: {by: time, train: 0.6, validate: 0.2, test: 0.2, gap: 2d}"
    came = ingest(tmp_path, content, with_data(f"time: day, {split}"))
    assert came.summary["rows"] == {"train": 16, "validate": 4, "test": 6}
    assert came.summary["skipped"] == {"in the gap before a cut between splits (data.split.gap)": 4}
    assert came.summary["read"] == 30


def test_an_experiment_without_a_task_is_read(tmp_path: Path) -> None:
    text = "".join(EXPERIMENT.splitlines(keepends=True)[:3])
    came = ingest(tmp_path, rows(50), text)
    assert sum(came.summary["rows"].values()) == 50


def test_workers_change_nothing(tmp_path: Path) -> None:
    content = rows(400)
    here = ingest(tmp_path, content)
    modes = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    there = ingest(tmp_path, content, EXPERIMENT, modes)
    for split in ("train", "validate", "test"):
        assert here.ids(split) == there.ids(split)
    assert here.summary == there.summary


def test_files_on_another_filesystem_that_beam_knows_are_read(tmp_path: Path) -> None:
    from apache_beam.io.filesystem import FileMetadata
    from apache_beam.io.localfilesystem import LocalFileSystem

    class Shelf(LocalFileSystem):
        """``shelf://NAME``: files of a folder, under names that the local filesystem has not."""

        PREFIX = "shelf://"

        @classmethod
        def scheme(cls) -> str:
            return "shelf"

        def _here(self, path: str) -> str:
            return str(tmp_path / "far" / path.removeprefix(self.PREFIX))

        def _list(self, directory: str):
            for found in super()._list(self._here(directory)):
                path = self.PREFIX + str(Path(found.path).relative_to(tmp_path / "far"))
                yield FileMetadata(path, found.size_in_bytes, found.last_updated_in_seconds)

        def open(self, path: str, *options: Any, **named: Any):
            return super().open(self._here(path), *options, **named)

        def exists(self, path: str) -> bool:
            return super().exists(self._here(path))

    far = tmp_path / "far" / "house"
    far.mkdir(parents=True)
    (far / "a.csv").write_text(rows(60))
    with gzip.open(far / "b.csv.gz", "wt") as file:
        file.write(rows(40, "b"))
    came = ingest(tmp_path, "", EXPERIMENT.replace("rows.csv", "'shelf://house/*.csv*'"))
    assert came.summary["read"] == 100
    ids = {name for split in ("train", "validate", "test") for name in came.ids(split)}
    assert {name.rpartition(":")[0] for name in ids} == {
        "shelf://house/a.csv",
        "shelf://house/b.csv.gz",
    }
