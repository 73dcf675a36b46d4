"""How much faster a search is with trials in parallel: ``python benchmarks/tuner.py``.

Runs the same search twice on generated sentences, one trial at a time (with all cores) and several
at a time (each with its share), and compares how long the Tuner took, the start of its workers and
the experiment's own values among it.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from components.tune.workers import cores
from pipeline.corpora.word_order import json_lines

EXPERIMENT = """\
name: tuner-benchmark
data: {{path: rows.jsonl, format: jsonl}}
features:
  text: {{kind: text, max_length: 50}}
task: {{kind: classify, label: label}}
network: {{cell: lstm, units: 64, embedding_size: 64}}
training: {{batch_size: 32, epochs: {epochs}, early_stopping: null}}
tune:
  trials: {trials}
  parallel: {parallel}
  space:
    training.learning_rate: {{min: 0.0001, max: 0.01, scale: log}}
    network.dropout: {{min: 0.0, max: 0.5}}
release: {{beat_baseline: true}}
"""


def seconds(folder: Path, trials: int, epochs: int, parallel: int) -> float:
    """Seconds that the Tuner takes."""
    file = folder / "benchmark.yaml"
    text = EXPERIMENT.format(trials=trials, epochs=epochs, parallel=parallel)
    file.write_text(text, encoding="utf-8")
    home = folder / f"parallel-{parallel}"
    command = [sys.executable, "-m", "pipeline.cli.main", "tune", str(file), "--home", str(home)]
    subprocess.run(command, check=True)
    (record,) = (home / "tuner-benchmark" / "history").glob("*/run.json")
    nodes = json.loads(record.read_text(encoding="utf-8"))["nodes"]
    return next(node["seconds"] for node in nodes if node["node"] == "Tuner")


def main() -> None:
    """Runs both and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--parallel", type=int, default=cores())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rows.jsonl").write_text(json_lines(options.rows), encoding="utf-8")
        serial = seconds(folder, options.trials, options.epochs, 1)
        parallel = seconds(folder, options.trials, options.epochs, options.parallel)
    trainings = options.trials + 1
    print(f"{platform.machine()}, {cores()} cores, {platform.python_version()}")
    print(f"{options.trials} trials and the experiment's own values, {options.epochs} epochs each")
    print(f"one at a time   {serial:7.1f} s  ({serial / trainings:.1f} s each)")
    print(f"{options.parallel} at a time     {parallel:7.1f} s")
    print(f"faster by       {serial / parallel:7.2f} x")


if __name__ == "__main__":
    main()
