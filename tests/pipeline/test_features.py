"""The whole pipeline on dialogs: texts, tokens and numbers a turn, a sound and a picture a call."""

import base64
import json
import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from media import png, wav
from support import Ran, json_lines, run_file, write_experiment

from pipeline.cli.predict import command as predict

pytestmark = pytest.mark.slow

DIALOGS = """\
name: dialogs
data: {path: rows.jsonl, format: jsonl}
features:
  turns: {kind: text, per_step: true, max_length: 3, subwords: true, vocabulary: 60}
  hypotheses: {kind: tokens, per_step: true}
  energy: {kind: numeric, per_step: true, missing: mask}
  age: {kind: numeric, missing: mask, scale: minmax}
  call: {kind: audio, sample_rate: 8000, mels: 4, frame: 20, max_length: 3}
  face: {kind: image, height: 2, width: 2}
task: {kind: tag, label: acts, aligned_with: turns}
network: {cell: gru, units: 12, embedding_size: 8}
training: {batch_size: 32, epochs: 12, learning_rate: 0.03, early_stopping: {patience: 3}}
release:
  thresholds: {token_accuracy: 0.95}
"""
ROWS = 360
ACTS = {
    "hello": "greet",
    "table please": "ask",
    "four people": "tell",
    "bye now then friend": "end",
}


def b64(content: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(content).decode("ascii")}


def dialogs(count: int) -> list[dict[str, Any]]:
    """Each turn's act is told by its words."""
    source = random.Random(0)
    sounds = [b64(wav(size)) for size in (200, 400, 900)]
    faces = [b64(png([[shade] * 3] * 3)) for shade in (0, 200)]
    rows = []
    for _ in range(count):
        turns = source.choices([*ACTS], k=source.randint(1, 5))
        rows.append(
            {
                "turns": turns,
                "hypotheses": [[*turn.split(), "uh"][: source.randint(0, 3)] for turn in turns],
                "energy": [source.choice([None, source.gauss(3.0, 2.0)]) for _ in turns],
                "age": source.choice([None, 20, 71]),
                "call": source.choice(sounds),
                "face": source.choice(faces),
                "acts": [ACTS[turn] for turn in turns],
            }
        )
    return rows


class Released(NamedTuple):
    ran: Ran
    home: Path

    def predicted(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        command = ["dialogs", "--home", str(self.home)]
        done = CliRunner().invoke(predict, command, input=json_lines(rows))
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    folder = tmp_path_factory.mktemp("dialogs")
    file = write_experiment(folder, json_lines(dialogs(ROWS)), DIALOGS)
    return Released(run_file(file, folder / "runs"), folder / "runs")


def test_a_model_of_all_of_them_is_released(released: Released) -> None:
    ran: Ran = released.ran
    assert ran.failure is None and ran.record.state == "blessed", ran.states()


def test_a_client_sends_json_and_each_turn_is_answered(released: Released) -> None:
    rows = dialogs(8)
    answers = released.predicted(rows)
    for row, answer in zip(rows, answers, strict=True):
        assert answer["length"] == len(row["turns"])
        assert len(answer["labels"]) == len(row["turns"])
    right = [
        label == truth
        for row, answer in zip(rows, answers, strict=True)
        for label, truth in zip(answer["labels"], row["acts"], strict=True)
    ]
    assert sum(right) / len(right) >= 0.9


def test_what_was_cut_is_told_beside_the_model(released: Released) -> None:
    from models.export import read_about

    (version,) = Path(released.ran.place.pushed).iterdir()
    told = read_about(str(version))["truncated"]
    assert set(told) == {"turns", "call"}
    assert told["turns"]["rows"] > told["turns"]["rows_cut"] > 0
    assert told["call"]["max_length"] == 3 and told["call"]["longest"] > 3
