"""Fits what the nodes cost beside the network's own steps, for ``pipeline/costs.py``.

Runs the whole pipeline on generated texts of several sizes, each in a process of its own, and fits
the nodes' processor seconds to the rows, megabytes and tokens that they read.  Processor seconds,
since a node's work is mostly one thread and a machine is seldom idle.  Prints the lines to write
down there.

    python benchmarks/check_estimate.py            # four runs, some six minutes on two idle cores
    python benchmarks/check_estimate.py --size 9000 50 >> LINES    # one more run
    python benchmarks/check_estimate.py --lines LINES              # the fit of lines printed before
    python benchmarks/check_estimate.py --vectors  # the Embeddings node, with a run
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
VECTORS = ((1_000, 100, 1_000), (200_000, 100, 1), (200_000, 100, 20_000), (100_000, 300, 20_000))
"""Words of a file of vectors, numbers a word, and how many of the words a vocabulary has."""
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
    parser.add_argument("--vectors", action="store_true", help="fits the Embeddings node")
    given = parser.parse_args()
    if given.vectors:
        fit_vectors()
        return
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
            found = run_apart(folder)
        print(json.dumps({"rows": rows, "words": words} | found), flush=True)
        measured.append(found)
    if not given.size:
        show_fit(measured)


def run_apart(folder: str) -> dict[str, Any]:
    """``run_one`` in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", folder], stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def write_data(folder: Path, rows: int, words: int, experiment: str = EXPERIMENT) -> None:
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
    (folder / "cost.yaml").write_text(experiment, encoding="utf-8")


def write_vectors(path: Path, words: int, size: int) -> None:
    """A text file of vectors, with six digits a number."""
    import numpy as np

    line = " ".join(f"{number:.6f}" for number in np.random.default_rng(0).normal(size=size))
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"word{word} {line}\n" for word in range(words))


def fit_vectors() -> None:
    """What reading files and taking vectors costs, and a run's node on a small file."""
    from components.embeddings.matrix import build
    from models.features.vectors import VectorOptions
    from pipeline.costs import reference_work

    inputs, taken = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "vectors.txt")
        for words, size, kept in VECTORS:
            write_vectors(path, words, size)
            vocabulary = [f"word{word}" for word in range(kept)]
            reference = reference_work()
            started = time.process_time()
            build(VectorOptions(file=str(path)), str(path), vocabulary, seed=0)
            taken.append(time.process_time() - started)
            inputs.append([path.stat().st_size / 1e6, float(kept * size)])
            line = {"reference": reference, "read": inputs[-1], "seconds": taken[-1]}
            print(json.dumps(line), flush=True)
        write_vectors(path, 100, 16)
        experiment = EXPERIMENT.replace("20000}", "20000, vectors: {file: vectors.txt}}")
        write_data(Path(folder), 1_000, 10, experiment.replace(", embedding_size: 16", ""))
        run = run_apart(folder)
    print(json.dumps(run), flush=True)
    fixed = run["seconds"]["Embeddings"]
    (megabyte, number), worst = fitted(inputs, taken)
    cost = f"Cost({fixed:.3g}, megabyte={megabyte:.3g}, number={number:.3g})"
    print(f'"Embeddings": {cost},  # off by {worst:.0%}, without the fixed part')


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


def fitted(inputs: list[list[float]], taken: list[float]) -> tuple[Any, float]:
    """Least squares without negative costs, relative to what was taken; and the largest error."""
    import numpy as np
    from scipy.optimize import nnls

    a, b = np.array(inputs), np.array(taken)
    found, _ = nnls(a / b[:, None], np.ones(len(b)))
    return found, float(np.max(np.abs(a @ found / b - 1.0)))


def show_fit(measured: list[dict[str, Any]]) -> None:
    """The lines for ``pipeline/costs.py``."""
    import numpy as np

    print(f"REFERENCE_SECONDS = {min(found['reference'] for found in measured):.3f}")
    print(f"START = {np.median([found['start'] for found in measured]):.1f}")
    for node in measured[0]["seconds"]:
        taken = [found["seconds"][node] for found in measured]
        inputs = [found["units"].get(node, [1.0, 0.0, 0.0, 0.0, 0.0]) for found in measured]
        found, worst = fitted(inputs, taken)
        print(
            f'"{node}": Cost({", ".join(f"{value:.3g}" for value in found)}),  # off by {worst:.0%}'
        )
    found, worst = fitted(
        [[1.0, one["megabytes"]] for one in measured], [one["memory"] for one in measured]
    )
    print(f"MEMORY_BASE, MEMORY_MEGABYTE = {found[0]:.0f}, {found[1]:.1f}  # off by {worst:.0%}")


if __name__ == "__main__":
    main()
