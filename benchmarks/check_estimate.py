"""Fits what the nodes cost beside the network's own steps, for ``pipeline/costs.py``.

Runs the whole pipeline on generated texts of several sizes, each in a process of its own, and fits
the nodes' processor seconds to the rows, megabytes and tokens that they read.  Processor seconds,
since a node's work is mostly one thread and a machine is seldom idle.  Prints the lines to write
down there.

    python benchmarks/check_estimate.py            # four runs, some six minutes on two idle cores
    python benchmarks/check_estimate.py --size 9000 50 >> LINES    # one more run
    python benchmarks/check_estimate.py --lines LINES              # the fit of lines printed before
"""

import argparse
import json
import logging
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SIZES = ((1_000, 10), (8_000, 10), (1_000, 200), (6_000, 60))
"""Rows, and words a row."""
WORDS = 20_000
EXPERIMENT = """\
name: cost
data: {path: rows.jsonl, format: jsonl}
features:
  text: {kind: text, max_length: 400, vocabulary: 20000}
task: {kind: classify, label: label}
network: {layers: 0, pooling: mean, embedding_size: 16}
training: {epochs: 1}
release: {thresholds: {accuracy: 0.0}, beat_baseline: false}
"""


def main() -> None:
    """Runs, fits, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--one", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument(
        "--lines", metavar="FILE", help="fits what was printed before, runs nothing"
    )
    parser.add_argument(
        "--size", nargs=2, type=int, metavar=("ROWS", "WORDS"), help="runs one size"
    )
    given = parser.parse_args()
    if given.lines:
        lines = Path(given.lines).read_text(encoding="utf-8").splitlines()
        show_fit([json.loads(line) for line in lines if line.startswith("{")])
        return
    if given.one:
        print(json.dumps(run_one(Path(given.one))))
        return
    measured = []
    for rows, words in [given.size] if given.size else SIZES:
        with tempfile.TemporaryDirectory() as folder:
            write_data(Path(folder), rows, words)
            done = subprocess.run(
                [sys.executable, __file__, "--one", folder], stdout=subprocess.PIPE, check=True
            )
            found = json.loads(done.stdout.splitlines()[-1])
        print(json.dumps({"rows": rows, "words": words} | found), flush=True)
        measured.append(found)
    if not given.size:
        show_fit(measured)


def write_data(folder: Path, rows: int, words: int) -> None:
    """An experiment on texts of words that are as unevenly frequent as those of a language."""
    drawn = random.Random(0)
    names = [f"word{number}" for number in range(WORDS)]
    weights = [1.0 / (number + 1) for number in range(WORDS)]
    with open(folder / "rows.jsonl", "w", encoding="utf-8") as file:
        for row in range(rows):
            text = " ".join(
                drawn.choices(names, weights, k=drawn.randint(words // 2, words * 3 // 2))
            )
            file.write(json.dumps({"text": text, "label": f"label {row % 4}"}) + "\n")
    (folder / "cost.yaml").write_text(EXPERIMENT, encoding="utf-8")


def run_one(folder: Path) -> dict[str, Any]:
    """Runs the experiment in a folder; gives processor seconds by node, sizes, memory."""
    from pipeline.calibrate import Task, calibrate
    from pipeline.costs import reference_work
    from pipeline.estimate import units, vocabularies
    from pipeline.experiment import load
    from pipeline.node_configs import ingest_config
    from pipeline.sample import read_sample
    from pipeline.workspace import workspace

    experiment = load(str(folder / "cost.yaml"))
    reference = reference_work()
    sample = read_sample(ingest_config(experiment), experiment.features, seconds=1000.0)
    task = Task(json.loads(experiment.to_json()), [], sample.kept, vocabularies(experiment, sample))
    calibration = calibrate(task)
    before = time.process_time()
    from components.progress import EpochEnd, StepEnd, logger
    from pipeline import local_runner

    seconds: dict[str, float] = {}
    started: dict[str, float] = {}
    training: list[float] = []

    def listener(node: Any) -> None:
        if node.state == "running":
            started[node.node] = time.process_time()
        else:
            seconds[node.node] = time.process_time() - started[node.node]

    class Steps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if isinstance(getattr(record, "event", None), StepEnd | EpochEnd):
                training.append(time.process_time())

    logger.addHandler(Steps())
    observation = local_runner.run(experiment, workspace(folder / "home", "cost"), listener)
    if observation.failure is not None:
        raise observation.failure
    # What the calibration predicts is not a cost beside it.
    seconds["Trainer"] -= training[-1] - training[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "reference": reference,
        "start": min(started.values()) - before,
        "seconds": seconds,
        "units": units(experiment, sample),
        "megabytes": sample.bytes / 1e6,
        "memory": peak - calibration.memory,
    }


def show_fit(measured: list[dict[str, Any]]) -> None:
    """Least squares without negative costs, relative to what was taken."""
    import numpy as np
    from scipy.optimize import nnls

    def fit(inputs: list[list[float]], taken: list[float]) -> tuple[Any, float]:
        a, b = np.array(inputs), np.array(taken)
        found, _ = nnls(a / b[:, None], np.ones(len(b)))
        return found, float(np.max(np.abs(a @ found / b - 1.0)))

    print(f"REFERENCE_SECONDS = {min(found['reference'] for found in measured):.3f}")
    print(f"START = {np.median([found['start'] for found in measured]):.1f}")
    for node in measured[0]["seconds"]:
        taken = [found["seconds"][node] for found in measured]
        inputs = [found["units"].get(node, [1.0, 0.0, 0.0, 0.0]) for found in measured]
        found, worst = fit(inputs, taken)
        print(
            f'"{node}": Cost({", ".join(f"{value:.3g}" for value in found)}),  # off by {worst:.0%}'
        )
    found, worst = fit(
        [[1.0, one["megabytes"]] for one in measured], [one["memory"] for one in measured]
    )
    print(f"MEMORY_BASE, MEMORY_MEGABYTE = {found[0]:.0f}, {found[1]:.1f}  # off by {worst:.0%}")


if __name__ == "__main__":
    main()
