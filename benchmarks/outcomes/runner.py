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

from outcomes.cases import Case
from outcomes.records import here

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
    if case.data is not None:
        given.append(f"data.path={(data / case.data).resolve()}")
    # A copy, so that no schema file that a person keeps beside the experiment is read or written.
    file = own / f"{case.file}.yaml"
    shutil.copy(folder / file.name, file)
    command = [sys.executable, "-c", RONDO, "run", str(file), "--home", str(own)]
    for value in given:
        command += ["--set", value]
    before, started = _processor_seconds(), time.monotonic()
    with open(log, "w", encoding="utf-8") as written:
        process = subprocess.Popen(
            command, stdout=written, stderr=subprocess.STDOUT, cwd=folder.parent
        )
        try:
            status = _wait(process, case, log, say)
        except KeyboardInterrupt:
            process.wait()
            raise
    seconds = time.monotonic() - started
    found = sorted(own.glob("*/history/*/run.json"))
    if status not in (BLESSED, REFUSED) or not found:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        say(f"{case.name}, seed {seed}: ended with {status}, see {log}:\n" + "\n".join(tail))
        return None
    record = json.loads(found[-1].read_text(encoding="utf-8"))
    return {
        "name": case.name,
        "seed": seed,
        "blessed": record["verdict"]["blessed"],
        "metrics": record["verdict"]["metrics"],
        "minutes": round(seconds / 60, 2),
        "processor_minutes": round((_processor_seconds() - before) / 60, 2),
        "memory_mib": record["memory"],
        "parameters": record["parameters"],
        "epochs": record["epochs"],
        "machine": here(os.cpu_count() or 1),
    }


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
