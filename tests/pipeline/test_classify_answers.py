"""The whole pipeline where answers are levels in order, sets of labels, and sets at each step."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner
from support import Ran, json_lines, run_file, write_experiment

from models.export import read_about
from pipeline.cli.explain import command as explain
from pipeline.cli.predict import command as predict
from pipeline.corpora.chords import NOTES, chords
from pipeline.corpora.patients import SEVERITIES, patients
from pipeline.workspace import WorkspaceError

pytestmark = pytest.mark.slow

PATIENTS = """\
name: patients
data: {path: rows.jsonl, format: jsonl}
features:
  note: {kind: text, max_length: 20}
  readings: {kind: series, depth: 3}
  age: {kind: numeric, missing: mask}
  ward: {kind: categorical}
task: {kind: classify, answer: ordinal, label: severity, labels: [mild, moderate, severe, critical]}
network: {cell: gru, units: 12, embedding_size: 12}
training: {batch_size: 32, epochs: 14, learning_rate: 0.02, early_stopping: {patience: 3}}
release:
  thresholds: {quadratic_weighted_kappa: 0.7}
"""
SEVERITY = "answer: ordinal, label: severity, labels: [mild, moderate, severe, critical]"
FINDINGS = (
    PATIENTS.replace(
        SEVERITY,
        "answer: multi, label: findings, class_weights: balanced, "
        "labels: [fever, pain, relapsing, frail]",
    )
    .replace("quadratic_weighted_kappa: 0.7", "micro_f1: 0.75, macro_f1: 0.75")
    .replace("name: patients", "name: findings")
)
CHORDS = """\
name: chords
data: {path: rows.jsonl, format: jsonl}
features:
  chords: {kind: series, depth: 12}
task: {kind: classify, answer: multi, label: next, aligned_with: chords}
network: {cell: gru, units: 24}
training: {batch_size: 16, epochs: 12, learning_rate: 0.02, early_stopping: {patience: 3}}
release:
  thresholds: {micro_f1: 0.65}
"""


class Released(NamedTuple):
    ran: Ran
    home: Path

    @property
    def metrics(self) -> dict[str, float]:
        assert self.ran.failure is None
        verdict = self.ran.record.verdict
        assert verdict is not None and verdict["blessed"], verdict
        return verdict["metrics"]

    @property
    def about(self) -> dict[str, Any]:
        (version,) = self.ran.place.pushed.iterdir()
        return read_about(str(version))

    def predicted(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        name = self.ran.experiment.name
        done = CliRunner().invoke(predict, [name, "--home", str(self.home)], input=json_lines(rows))
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    def compared(self) -> dict[str, dict[str, float]]:
        from pipeline.compare import compare

        made = compare(self.ran.experiment, self.ran.place, self.ran.record)
        return {row.model: row.metrics for row in made}


def released(folder: Path, rows: list[dict[str, Any]], experiment: str) -> Released:
    file = write_experiment(folder, json_lines(rows), experiment)
    return Released(run_file(file, folder / "home"), folder / "home")


@pytest.fixture(scope="module")
def severity(tmp_path_factory: pytest.TempPathFactory) -> Released:
    return released(tmp_path_factory.mktemp("severity"), list(patients(700, 12, 0)), PATIENTS)


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Released:
    return released(tmp_path_factory.mktemp("findings"), list(patients(700, 12, 0)), FINDINGS)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Released:
    return released(tmp_path_factory.mktemp("chords"), list(chords(400, 16, 0)), CHORDS)


def test_levels_are_told_from_text_series_number_and_category_together(severity: Released) -> None:
    metrics = severity.metrics
    assert metrics["quadratic_weighted_kappa"] >= 0.7
    assert metrics["quadratic_weighted_kappa_baseline"] == 0.0
    assert metrics["mean_absolute_error"] < 0.6 < metrics["mean_absolute_error_baseline"]
    assert metrics["calibration_error"] < 0.15
    assert severity.about["labels"] == list(SEVERITIES)


def test_scores_are_calibrated_and_what_it_did_is_told(severity: Released) -> None:
    told = severity.about["calibration"]
    assert told["log_loss_after"] <= told["log_loss_before"]
    assert 0.05 <= told["temperature"] <= 20.0


def test_a_level_is_predicted_with_all_scores(severity: Released) -> None:
    rows = list(patients(40, 12, 99))
    answers = severity.predicted(rows)
    names = list(SEVERITIES)
    apart = [
        abs(names.index(answer["label"]) - names.index(row["severity"]))
        for row, answer in zip(rows, answers, strict=True)
    ]
    assert np.mean(apart) < 0.8
    assert answers[0]["labels"] == names and sum(answers[0]["scores"]) == pytest.approx(1.0)


def test_levels_are_compared_and_explained(severity: Released) -> None:
    table = severity.compared()
    assert list(table) == [
        *("majority label", "TF-IDF + logistic regression", "gradient-boosted trees"),
        *("bag of embeddings", "this network (gru)"),
    ]
    trivial = severity.metrics["log_loss_baseline"]
    assert table["majority label"]["log_loss"] == pytest.approx(trivial, rel=1e-6)
    done = CliRunner().invoke(explain, ["patients", "--rows", "2", "--home", str(severity.home)])
    assert done.exit_code == 0, done.output


def test_sets_of_labels_are_found_and_judged_each(findings: Released) -> None:
    metrics = findings.metrics
    assert metrics["micro_f1"] >= 0.75 and metrics["macro_f1"] >= 0.75
    # One set, the best, everywhere.
    assert 0.3 < metrics["micro_f1_baseline"] < 0.7
    rows = list(patients(30, 12, 99))
    answers = findings.predicted(rows)
    right = 0
    for row, answer in zip(rows, answers, strict=True):
        found = answer["answer"]
        assert len(found) == answer["answer_length"]
        scores = dict(zip(answer["labels"], answer["scores"], strict=True))
        assert sorted(found) == sorted(name for name, score in scores.items() if score >= 0.5)
        assert [scores[name] for name in found] == sorted(map(scores.get, found), reverse=True)
        right += len(set(found) ^ set(row["findings"])) == 0
    assert right >= 12


def test_sets_of_labels_are_compared(findings: Released) -> None:
    table = findings.compared()
    assert list(table) == [
        *("the one best set", "TF-IDF + a logistic regression a label"),
        *("bag of embeddings", "this network (gru)"),
    ]
    for name in findings.ran.experiment.task.metric_names:
        trivial = findings.metrics[f"{name}_baseline"]
        assert table["the one best set"][name] == pytest.approx(trivial, rel=1e-5), name
    # The order of the readings tells of one finding in four, and a bag knows none.
    bag, network = table["bag of embeddings"], table["this network (gru)"]
    assert bag["macro_f1"] < network["macro_f1"] - 0.05


def test_the_next_chord_is_told_by_those_before(music: Released) -> None:
    from pipeline.explain import Explained

    assert music.metrics["micro_f1"] >= 0.65
    table = music.compared()
    assert list(table) == ["the one best set", "each step alone", "this network (gru)"]
    assert table["each step alone"]["exact_match"] < music.metrics["exact_match"] - 0.05
    trivial = music.metrics["micro_f1_baseline"]
    assert table["the one best set"]["micro_f1"] == pytest.approx(trivial, rel=1e-5)
    with pytest.raises(WorkspaceError, match="this task answers sets of labels"):
        Explained(music.ran.experiment, music.ran.record, 1)


def test_sets_of_steps_are_the_same_alone_and_in_a_batch(music: Released) -> None:
    rows = [{"chords": row["chords"]} for row in chords(12, 16, 99)]
    together = music.predicted(rows)
    for row, answer in zip(rows[:3], together, strict=False):
        (alone,) = music.predicted([row])
        steps = len(row["chords"])
        assert alone["length"] == answer["length"] == steps
        assert alone["answer"] == answer["answer"] and len(alone["answer"]) == steps
        np.testing.assert_allclose(alone["scores"], answer["scores"], rtol=1e-4, atol=1e-6)
        assert set(alone["labels"]) == set(NOTES)
        assert [len(names) for names in alone["answer"]] == alone["answer_length"]
