"""One experiment through the pipeline, in a process of its own."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from outcomes.cases import Case
from outcomes.records import here
from pipeline.experiment import Experiment

REPORT_SECONDS = 60.0
BLESSED, REFUSED = 0, 3
RONDO = "from pipeline.cli.main import main; main()"
"""The ``rondo`` of this very checkout, whatever is installed."""


def run(
    case: Case, seed: int, data: Path, home: Path, folder: Path, say: Callable[[str], None]
) -> dict[str, Any] | None:
    """Runs a case from nothing and gives its row; None, said why, if it was not judged.

    Args:
        case: what to run.
        seed: ``training.seed``.
        data: folder of the data sets.
        home: gets ``NAME-SEED/``, which is emptied first, and ``NAME-SEED.log`` beside it.
        folder: of the experiment files.
        say: is told of the start, and how long it takes.
    """
    own = home.absolute() / f"{case.name}-{seed}"
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    log = own.with_suffix(".log")
    given = [*case.set, f"training.seed={seed}"]
    # A copy, so that no schema file that a person keeps beside the experiment is read or written.
    file = own / f"{case.file}.yaml"
    shutil.copy(folder / file.name, file)
    given.append(f"data.path={_data_path(case, data, folder, log)}")
    command = ["run", str(file), "--home", str(own)]
    for value in given:
        command += ["--set", value]
    before, started = _processor_seconds(), time.monotonic()
    status = _rondo(command, case, folder, log, say)
    seconds, processor_seconds = time.monotonic() - started, _processor_seconds() - before
    found = sorted(own.glob("*/history/*/run.json"))
    if status not in (BLESSED, REFUSED) or not found:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        say(f"{case.name}, seed {seed}: ended with {status}, see {log}:\n" + "\n".join(tail))
        return None
    record = json.loads(found[-1].read_text(encoding="utf-8"))
    task = Experiment.model_validate(record["options"]).task
    compared: dict[str, Any] = {}
    if case.compare:
        command = ["compare", record["experiment"], "--home", str(own)]
        if _rondo(command, case, folder, own.with_suffix(".compare.log"), say) == BLESSED:
            table = json.loads((found[-1].parent / "compare.json").read_text(encoding="utf-8"))
            # The network itself stands last.
            compared = {row["model"]: row["metrics"] for row in table["rows"][:-1]}
    return {
        "name": case.name,
        "seed": seed,
        "blessed": record["verdict"]["blessed"],
        "metrics": record["verdict"]["metrics"],
        "higher_is_better": {name: task.higher_is_better[name] for name in case.metrics},
        "compared": compared,
        "minutes": round(seconds / 60, 2),
        "processor_minutes": round(processor_seconds / 60, 2),
        "memory_mib": record["memory"],
        "parameters": record["parameters"],
        "epochs": record["epochs"],
        "machine": here(os.cpu_count() or 1),
    }


def _data_path(case: Case, data: Path, folder: Path, log: Path) -> Path:
    """Where a case's data are; made first, if that is Rondo's to do and was not done."""
    if case.data is not None:
        return (data / case.data).resolve()
    content = yaml.safe_load((folder / f"{case.file}.yaml").read_text(encoding="utf-8"))
    path = (folder / content["data"]["path"]).resolve()
    if not path.exists():
        with open(log, "w", encoding="utf-8") as written:
            subprocess.run(
                [sys.executable, "-c", RONDO, "data", "get", str(case.get)],
                check=True,
                stdout=written,
                stderr=subprocess.STDOUT,
                cwd=folder.parent,
            )
    return path


def _rondo(
    command: list[str], case: Case, folder: Path, log: Path, say: Callable[[str], None]
) -> int:
    """Runs a command of Rondo's with its output in a file; gives the exit status."""
    with open(log, "w", encoding="utf-8") as written:
        process = subprocess.Popen(
            [sys.executable, "-c", RONDO, *command],
            stdout=written,
            stderr=subprocess.STDOUT,
            cwd=folder.parent,
        )
        try:
            return _wait(process, case, log, say)
        except KeyboardInterrupt:
            process.wait()
            raise


def _wait(
    process: subprocess.Popen[bytes], case: Case, log: Path, say: Callable[[str], None]
) -> int:
    started = time.monotonic()
    while True:
        try:
            return process.wait(REPORT_SECONDS)
        except subprocess.TimeoutExpired:
            last = log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
            minutes = (time.monotonic() - started) / 60
            say(f"{case.name}  {minutes:.0f} minutes  {last[-1].strip() if last else ''}")


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
