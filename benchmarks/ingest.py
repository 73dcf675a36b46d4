"""Rows a second and memory of ingest: ``python benchmarks/ingest.py``.

Writes the same generated rows as CSV, JSON Lines and Parquet, then reads each file in memory and
with two workers, and the CSV by TFX's own CsvExampleGen too.  Each case is a process of its own;
its memory is the largest sum over it and its children that was seen (proportional set sizes).
Every mode must write the same records: their digest is compared.
"""

import argparse
import csv
import hashlib
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

SIZES = (20_000, 200_000, 2_000_000)
FORMATS = {"csv": "rows.csv", "jsonl": "rows.jsonl", "parquet": "rows.parquet"}
MODES = {
    "memory": ("--direct_running_mode=in_memory",),
    "workers": ("--direct_running_mode=multi_processing", "--direct_num_workers=2"),
}
TFX = "CsvExampleGen"
SPLITS = (("train", 8), ("validate", 1), ("test", 1))
PARQUET_ROWS = 10_000
SECONDS_BETWEEN = 0.1


class Case(NamedTuple):
    """A file's format, or TFX's component; its rows; the engine's mode."""

    reader: str
    rows: int
    mode: str


class Measured(NamedTuple):
    """What a case came to.

    Attributes:
        seconds: of the executor, without imports.
        megabytes: that process and children held at most, of 1e6 bytes.
        before: megabytes held before the executor started.
        digest: of all records, whatever their order.
    """

    seconds: float
    megabytes: float
    before: float
    digest: str


def generated(rows: int) -> Iterator[dict[str, Any]]:
    """Rows of about 600 bytes: a text of some 100 words, a number, a label."""
    generator = random.Random(0)
    words = [
        "".join(generator.choices("abcdefghijklmnopqrstuvwxyz", k=generator.randint(2, 8)))
        for _ in range(5000)
    ]
    for number in range(rows):
        text = " ".join(generator.choices(words, k=100))
        yield {"text": f"{number} {text}", "price": generator.random(), "label": "ab"[number % 2]}


def write_files(folder: Path, rows: int) -> None:
    """The rows in every format, unless they are there."""
    import pyarrow
    import pyarrow.parquet

    done = folder / "written"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    schema = pyarrow.schema(
        [("text", pyarrow.string()), ("price", pyarrow.float64()), ("label", pyarrow.string())]
    )
    with (
        (folder / FORMATS["csv"]).open("w", newline="") as csv_file,
        (folder / FORMATS["jsonl"]).open("w") as jsonl_file,
        pyarrow.parquet.ParquetWriter(folder / FORMATS["parquet"], schema) as parquet_file,
    ):
        table = csv.DictWriter(csv_file, ["text", "price", "label"])
        table.writeheader()
        held: list[dict[str, Any]] = []
        for row in generated(rows):
            table.writerow(row)
            jsonl_file.write(json.dumps(row) + "\n")
            held.append(row)
            if len(held) == PARQUET_ROWS:
                parquet_file.write_table(pyarrow.Table.from_pylist(held, schema))
                held = []
        if held:
            parquet_file.write_table(pyarrow.Table.from_pylist(held, schema))
    done.touch()


def run_case(case: Case, folder: Path) -> None:
    """Runs a case in this process; prints its seconds and the digest as JSON."""
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.proto import example_gen_pb2
    from tfx.types.standard_artifacts import Examples
    from tfx.utils import proto_utils

    from pipeline.stack import LOCAL_BEAM_ARGS

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        artifact = Examples()
        artifact.uri = f"{scratch}/examples"
        properties: dict[str, Any] = {
            "output_data_format": example_gen_pb2.FORMAT_TF_EXAMPLE,
            "output_file_format": example_gen_pb2.FILE_FORMAT_UNSPECIFIED,
        }
        arguments = [LOCAL_BEAM_ARGS[0], *MODES[case.mode]]
        context = BaseBeamExecutor.Context(beam_pipeline_args=arguments, tmp_dir=scratch)
        if case.reader == TFX:
            executor, own = _tfx(context, folder, proto_utils, example_gen_pb2)
        else:
            executor, own = _ours(context, folder / FORMATS[case.reader], case, proto_utils)
        # The one who watches the memory takes this moment as the start.
        print("ready", flush=True)
        started = time.perf_counter()
        executor.Do({}, {"examples": [artifact]}, properties | own)
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds}), flush=True)
        print(json.dumps({"digest": digest(Path(artifact.uri))}), flush=True)


def _ours(context: Any, path: Path, case: Case, proto_utils: Any) -> tuple[Any, dict[str, Any]]:
    from components.ingest.executor import IngestExecutor, custom_config
    from pipeline.experiment import Experiment
    from pipeline.node_configs import ingest_config

    experiment = Experiment.model_validate(
        {
            "name": "ingest",
            "data": {"path": str(path), "format": case.reader},
            "features": {"text": {"kind": "text"}, "price": {"kind": "numeric"}},
            "task": {"kind": "classify", "label": "label"},
        }
    )
    config = proto_utils.proto_to_json(custom_config(ingest_config(experiment)))
    return IngestExecutor(context), {"custom_config": config}


def _tfx(context: Any, folder: Path, proto_utils: Any, protos: Any) -> tuple[Any, dict[str, Any]]:
    from tfx.components.example_gen.csv_example_gen.executor import Executor

    splits = [protos.SplitConfig.Split(name=name, hash_buckets=buckets) for name, buckets in SPLITS]
    given = protos.Input(splits=[protos.Input.Split(name="all", pattern=FORMATS["csv"])])
    output = protos.Output(split_config=protos.SplitConfig(splits=splits))
    own = {
        "input_base": str(folder),
        "input_config": proto_utils.proto_to_json(given),
        "output_config": proto_utils.proto_to_json(output),
    }
    return Executor(context), own


def digest(examples: Path) -> str:
    """Of the records of all splits, whatever their order and their files."""
    import tensorflow as tf

    total = 0
    for split, _ in SPLITS:
        files = sorted(map(str, (examples / f"Split-{split}").glob("*")))
        for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
            parsed = tf.train.Example.FromString(record).SerializeToString(deterministic=True)
            told = hashlib.sha256(split.encode() + parsed).digest()
            total = (total + int.from_bytes(told, "big")) % 2**256
    return f"{total:064x}"[:8]


def held(process: psutil.Process) -> float:
    """Megabytes of a process and its children, memory that they share counted once."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 1e6


def measured(case: Case, folder: Path) -> Measured:
    """Runs a case in a process of its own and watches its memory.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, __file__, "--case", ":".join(map(str, case)), "--data", str(folder)]
    said = folder / "said.txt"
    with said.open("w") as out, (folder / "errors.txt").open("w") as errors:
        child = subprocess.Popen(command, stdout=out, stderr=errors)
        process = psutil.Process(child.pid)
        before = most = 0.0
        while child.poll() is None:
            lines = said.read_text().splitlines()
            if len(lines) == 1:
                try:
                    now = held(process)
                except psutil.Error:
                    continue
                before = before or now
                most = max(most, now)
            time.sleep(SECONDS_BETWEEN)
    if child.returncode:
        tail = (folder / "errors.txt").read_text()[-2000:]
        raise RuntimeError(f"{case}: exit status {child.returncode}\n{tail}")
    _, seconds, told = said.read_text().splitlines()
    return Measured(json.loads(seconds)["seconds"], most, before, json.loads(told)["digest"])


def cases(rows: list[int], only: str | None) -> list[Case]:
    """What is measured."""
    found = [Case(TFX, size, "memory") for size in rows]
    found += [Case(name, size, mode) for size in rows for name in FORMATS for mode in MODES]
    return [case for case in found if only is None or only in ":".join(map(str, case))]


def main() -> None:
    """Runs the cases and prints a table; a JSON beside the data holds what is done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--only", metavar="TEXT", help="cases whose READER:ROWS:MODE holds it")
    parser.add_argument(
        "--data", type=Path, default=Path("runs/ingest-benchmark"), help="files (%(default)s)"
    )
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        reader, rows, mode = options.case.split(":")
        run_case(Case(reader, int(rows), mode), options.data)
        return
    console = Console(highlight=False)
    results = options.data / "results.json"
    done = json.loads(results.read_text()) if results.exists() else {}
    console.print(f"{platform.machine()}, {os.cpu_count()} cores, files in {options.data}")
    for case in cases(options.rows, options.only):
        folder = options.data / str(case.rows)
        with console.status(f"writing {case.rows:,} rows"):
            write_files(folder, case.rows)
        with console.status(" ".join(map(str, case))):
            found = measured(case, folder)
        done[":".join(map(str, case))] = found._asdict()
        results.write_text(json.dumps(done, indent=1))
        console.print(f"{case}: {case.rows / found.seconds:,.0f} rows/s")
    console.print(table(done))


def table(done: dict[str, dict[str, Any]]) -> Table:
    """Rows a second, memory and digest of each case."""
    columns = ("reader", "rows", "mode", "rows/s", "seconds", "MB", "bytes a row", "digest")
    shown = Table(*columns)
    for name, found in done.items():
        reader, rows, mode = name.split(":")
        each = (found["megabytes"] - found["before"]) * 1e6 / int(rows)
        shown.add_row(
            *(reader, f"{int(rows):,}", mode, f"{int(rows) / found['seconds']:,.0f}"),
            *(f"{found['seconds']:.1f}", f"{found['megabytes']:,.0f}", f"{each:,.0f}"),
            found["digest"],
        )
    return shown


if __name__ == "__main__":
    main()
