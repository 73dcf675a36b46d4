"""Runs from the command line: exit status, interruption and resumption, predictions."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import ROWS, Ran, write_experiment

from pipeline.cli.explain import command as explain
from pipeline.cli.predict import command as predict
from pipeline.corpora.word_order import json_lines, rows

pytestmark = pytest.mark.slow

RONDO = (sys.executable, "-m", "pipeline.cli.main")


def rondo(*arguments: str, cwd: Path, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RONDO, *arguments], capture_output=True, text=True, cwd=cwd, check=False, **options
    )


def test_interrupted_run_goes_on_and_a_refused_one_says_why(tmp_path: Path) -> None:
    write_experiment(tmp_path, json_lines(ROWS))
    # Long enough to be interrupted, and no bag of words can learn the order of words.
    overrides = ["--set", "network={cell: none, pooling: mean}"]
    long_training = [*overrides, "--set", "training={epochs: 10000, early_stopping: null}"]
    with subprocess.Popen(
        [*RONDO, "run", "order.yaml", *long_training],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        shown = []
        for line in process.stdout:
            shown.append(line)
            if "epoch 2/" in line:
                process.send_signal(signal.SIGINT)
                break
        shown += process.stdout.readlines()
        assert process.wait(timeout=120) == 130, "".join(shown)
    text = "".join(shown)
    assert "interrupted" in text and "Traceback" not in text
    done = rondo("run", "order.yaml", *overrides, "--set", "training={epochs: 2}", cwd=tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    for node in ("Ingest", "Statistics", "Transform"):
        assert any(node in line and "unchanged" in line for line in done.stdout.splitlines())
    assert "not blessed" in done.stdout and "release.thresholds.accuracy" in done.stdout
    assert "at least 0.9 asked" in done.stdout
    assert done.stderr == "" and "WARNING" not in done.stdout
    assert not (tmp_path / "runs" / "order" / "pushed").exists()
    listed = rondo("runs", cwd=tmp_path, env=os.environ | {"COLUMNS": "200"}).stdout
    assert "interrupted" in listed and "refused" in listed
    assert "thresholds.accuracy" in listed


def test_failed_node_is_one_message_and_the_trace_is_in_the_log(tmp_path: Path) -> None:
    lines = json_lines(ROWS).splitlines(keepends=True)
    lines[500] = "not JSON\n"
    write_experiment(tmp_path, "".join(lines))
    done = rondo("run", "order.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path / 'rows.jsonl'}:501: not valid JSON" in done.stdout.replace("\n", "")
    assert "Traceback" not in done.stdout + done.stderr
    (log,) = (tmp_path / "runs" / "order" / "history").glob("*/log.txt")
    assert log.stat().st_size > 0


def test_predict_reads_and_writes_json_lines(first_run: Ran, home: Path) -> None:
    given = list(rows(30, seed=3))
    content = "".join(json.dumps(row | {"id": 1}) + "\n" for row in given)
    done = rondo("predict", "order", "--home", str(home), cwd=home, input=content)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 30
    right = sum(answer["label"] == row["label"] for answer, row in zip(answers, given, strict=True))
    assert right >= 27
    wrong = CliRunner().invoke(predict, ["order", "--home", str(home)], input='{"txt": "a"}\n')
    assert wrong.exit_code == 2
    assert wrong.stderr.startswith("<stdin>:1: ") and "missing: text" in wrong.stderr


def test_compare_and_explain_show_what_a_person_wants(
    first_run: Ran, experiment_file: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    compared = rondo("compare", str(experiment_file), "--home", str(home), cwd=home)
    assert compared.returncode == 0, compared.stderr
    # The network is that of the first run; its baselines stand beside it.
    assert any("Trainer" in line and "unchanged" in line for line in compared.stdout.splitlines())
    assert "majority label" in compared.stdout and "TF-IDF" in compared.stdout
    (line,) = (line for line in compared.stdout.splitlines() if "this network (lstm)" in line)
    assert line.rstrip().endswith("=")
    asked = ["order", "--rows", "6", "--figures", str(home / "drawn"), "--home", str(home)]
    capfd.readouterr()
    done = CliRunner().invoke(explain, asked)
    assert done.exit_code == 0, done.output
    # The pair whose order is the label is what decides.
    explained = capfd.readouterr().out
    assert "cat[" in explained or "dog[" in explained
    drawn = {file.name for file in (home / "drawn").iterdir()}
    assert {"1.text.attribution.png", "6.text.forward.0.activations.png"} < drawn
    assert len(drawn) == 12
