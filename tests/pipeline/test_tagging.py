"""The whole pipeline on spans with an intent, and on what a controller does at each step."""

import json
import random
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from support import Ran, json_lines, run_file, write_experiment

from pipeline.cli.compare import command as compare
from pipeline.cli.explain import command as explain
from pipeline.cli.predict import command as predict
from pipeline.corpora.synthetic import thermostat

pytestmark = pytest.mark.slow

TRIPS = """\
name: trips
data: {path: rows.jsonl, format: jsonl}
features:
  words: {kind: tokens, unknown_rate: 0.05}
  chars: {kind: text, column: words, per_step: true, tokens: characters,
          encoder: {kind: convolution, units: 8, embedding_size: 8}}
task: {kind: tag, label: tags, aligned_with: [words, chars], spans: bio, head: crf,
       sequence_label: intent}
network: {cell: gru, units: 12, embedding_size: 12}
training: {batch_size: 16, epochs: 8, learning_rate: 0.02, schedule: cosine,
           early_stopping: {monitor: span_f1, patience: 7}}
release:
  thresholds: {span_f1: 0.9, sequence_label_accuracy: 0.9}
"""
ACTIONS = """\
name: actions
data: {path: rows.jsonl, format: jsonl}
features:
  readings: {kind: series, depth: 2}
task: {kind: tag, label: actions}
network: {cell: gru, units: 16}
training: {batch_size: 16, epochs: 20, learning_rate: 0.02, schedule: cosine,
           early_stopping: {monitor: token_accuracy, patience: 19}}
"""
PLACES = ["rome", "new york", "san jose", "oslo", "york", "st paul", "lima", "cape town"]


def trips(count: int, seed: int = 0) -> list[dict]:
    """A word before a place says what it is; the first word says what is wanted."""
    dice = random.Random(seed)
    rows = []
    for _ in range(count):
        intent, word = dice.choice([("book", "take"), ("ask", "show"), ("ask", "when")])
        words, tags = [word], ["O"]
        for kind in dice.sample(["from", "to", "via"], dice.randint(1, 3)):
            place = dice.choice(PLACES).split()
            words += [kind, *place]
            tags += ["O", f"B-{kind}", *([f"I-{kind}"] * (len(place) - 1))]
        rows.append({"words": words, "tags": tags, "intent": intent})
    return rows


class Released(NamedTuple):
    ran: Ran
    home: Path
    file: Path


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    folder = tmp_path_factory.mktemp("trips")
    file = write_experiment(folder, json_lines(trips(400)), TRIPS)
    return Released(run_file(file, folder / "home"), folder / "home", file)


def test_spans_and_intents_are_learnt_judged_by_type_and_released(released: Released) -> None:
    assert released.ran.failure is None
    verdict = released.ran.record.verdict
    assert verdict is not None and verdict["blessed"], verdict
    metrics = verdict["metrics"]
    assert metrics["span_f1"] >= 0.9 and metrics["span_f1_baseline"] == 0.0
    assert metrics["sentence_accuracy"] <= metrics["sequence_label_accuracy"]
    assert set(verdict["table"]) == {"from", "to", "via"}
    weights = [row["count"] for row in verdict["table"].values()]
    recalls = [row["recall"] for row in verdict["table"].values()]
    found = sum(w * r for w, r in zip(weights, recalls, strict=True)) / sum(weights)
    assert found == pytest.approx(metrics["span_recall"])


def test_clients_get_spans_with_their_words(released: Released) -> None:
    row = {"words": ["show", "from", "new", "york", "to", "oslo"]}
    lines = json_lines([{"words": row["words"], "chars": row["words"]}])
    done = CliRunner().invoke(predict, ["trips", "--home", str(released.home)], input=lines)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["span_count"] == 2 and answer["sequence_label"] == "ask"
    assert answer["span_texts"][:3] == ["new york", "oslo", ""]
    assert answer["span_types"][:2] == ["from", "to"]
    assert (answer["span_starts"][:2], answer["span_ends"][:2]) == ([2, 5], [4, 6])
    assert 0.5 < answer["span_scores"][0] <= answer["scores"][2]


def test_baselines_and_explanations_know_the_spans(
    released: Released, capfd: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(released.home)]
    done = CliRunner().invoke(compare, ["trips", *home])
    assert done.exit_code == 0, done.output
    (table,) = released.home.rglob("compare.json")
    rows = {row["model"]: row["metrics"] for row in json.loads(table.read_text())["rows"]}
    network = next(figures for name, figures in rows.items() if name.startswith("this network"))
    assert len(rows) == 4 and rows["majority label"]["span_f1"] == 0.0
    for name, figures in rows.items():
        assert set(figures) == set(network)
        assert name.startswith("this network") or figures["span_f1"] < network["span_f1"]
    capfd.readouterr()
    done = CliRunner().invoke(explain, ["trips", "--rows", "1", *home])
    assert done.exit_code == 0, done.output
    assert "/B-" in capfd.readouterr().out


def test_actions_are_imitated_where_memory_tells_what_readings_do_not(tmp_path: Path) -> None:
    file = write_experiment(tmp_path, json_lines(thermostat(300, 30, 0)), ACTIONS)
    learnt = run_file(file, tmp_path / "home")
    assert learnt.failure is None
    found = learnt.record.verdict["metrics"]["token_accuracy"]
    without = run_file(file, tmp_path / "home", ("network.cell=none", "network.pooling=mean"))
    alone = without.record.verdict["metrics"]["token_accuracy"]
    assert found > alone + 0.05 and found > 0.9
