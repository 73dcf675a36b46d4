"""Searches inside the pipeline: trials that fail, die and are killed; networks of a user's own."""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from support import Ran, forked, run_and_exit, run_file, write_experiment

from components.tune.results import SearchResult, Trial
from pipeline.corpora.word_order import json_lines
from pipeline.lineage import run_nodes
from pipeline.nodes import RESOLVERS
from pipeline.plan import plan
from pipeline.workspace import workspace

pytestmark = pytest.mark.slow

ROWS = 300
BUILD = '''
import os

import keras

from models.layers.sequence import MeanPooling


def build_model(hp, parts):
    """A bag of embeddings, wide or narrow, that fails or dies on request."""
    inputs = parts.inputs()
    mode = hp.Choice("mode", {modes})
    if mode == "raise":
        raise RuntimeError("asked to fail")
    if mode == "die":
        os.kill(os.getpid(), 9)
    words = parts.encoded("text", inputs, embedding_size=hp.Int("width", 4, 8))
    vector = MeanPooling()(words.values, words.lengths)
    return keras.Model(inputs, parts.head(vector))
'''
EXPERIMENT = """\
name: {name}
data: {{path: rows.jsonl, format: jsonl}}
features:
  text: {{kind: text, max_length: 20}}
task: {{kind: classify, label: label}}
network: {{cell: none, layers: 0, pooling: mean, embedding_size: 16{network}}}
training: {{batch_size: 32, epochs: 2, early_stopping: {{patience: 1}}}}
release: {{thresholds: {{log_loss: 9.0}}, beat_baseline: false, smallest_test: 10}}
tune: {tune}
"""


def experiment(tune: str, network: str = "", name: str = "small") -> str:
    return EXPERIMENT.format(tune=tune, network=network, name=name)


def own_network(folder: Path, module: str, modes: list[str]) -> str:
    (folder / f"{module}.py").write_text(BUILD.format(modes=modes), encoding="utf-8")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    return f", build_model: {module}.build_model"


def search_of(ran: Ran) -> SearchResult:
    assert ran.record.search is not None, ran.failure
    return SearchResult.from_dict(ran.record.search)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuner")
    write_experiment(folder, json_lines(ROWS))
    return folder


def run(folder: Path, text: str, **options) -> Ran:
    file = folder / "small.yaml"
    file.write_text(text, encoding="utf-8")
    return run_file(file, folder / "runs", **options)


def test_trials_that_fail_or_die_are_shown_and_the_best_is_trained(folder: Path) -> None:
    network = own_network(folder, "fragile_network", ["fine", "raise", "die"])
    tune = "{trials: 3, parallel: 2, seed: 2, space: {training.learning_rate: [0.1, 0.05]}}"
    poor = ("training.learning_rate=5.0",)
    ran = run(folder, experiment(tune, network), overrides=poor)
    assert ran.failure is None and ran.record.verdict is not None
    search = search_of(ran)
    assert len(search.trials) == 4 and search.default is not None
    by_mode: dict[str, list[Trial]] = {}
    for trial in search.trials[1:]:
        by_mode.setdefault(trial.values["mode"], []).append(trial)
    assert set(by_mode) == {"fine", "raise", "die"}, "another seed tries all modes"
    assert {trial.state for trial in by_mode["fine"]} == {"completed"}
    assert {trial.reason for trial in by_mode["raise"]} == {"RuntimeError: asked to fail"}
    for trial in by_mode["die"]:
        assert trial.state == "failed" and "was killed by signal 9" in trial.reason

    nodes = run_nodes(ran.place.metadata, ran.run_id)
    (model,) = nodes["Trainer"].outputs["model"]
    best = search.completed[0]
    assert best.score == min(trial.score for trial in search.completed)
    used = json.loads(Path(ran.record.artifacts["model_run"], "values.json").read_text())
    assert best.trial != "default"
    assert used["hyperparameters"]["mode"] == "fine"
    assert used["training"]["learning_rate"] == best.values["training.learning_rate"]
    shown = json.loads(str(model.properties["training.learning_rate"]))
    assert shown == used["training"]["learning_rate"]
    about = json.loads(Path(ran.record.model, "assets.extra", "rondo.json").read_text())
    assert about["values"] == used

    logs = Path(ran.record.artifacts["tuner_results"], "tensorboard")
    with_logs = {path.relative_to(logs).parts[0] for path in logs.glob("**/events*")}
    completed = {trial.trial for trial in search.completed}
    assert completed <= with_logs
    assert not list(ran.place.nodes.glob("*/.resume"))

    said = {node.node: node.state for node in plan(ran.experiment, ran.place)}
    assert said.pop("LastBlessed") == said.pop("LastData") == "runs"
    assert set(said.values()) == {"kept"}
    again = run(folder, experiment(tune, network), overrides=poor)
    assert set(said) == set(again.states()) - {*RESOLVERS}
    assert again.states()["Tuner"] == "cached" and again.states()["Trainer"] == "cached"


def test_search_without_a_completed_trial_fails_the_run(folder: Path) -> None:
    ran = run(folder, experiment("{trials: 2, parallel: 2, space: {network.pooling: [[last]]}}"))
    assert ran.states()["Tuner"] == "failed" and "Trainer" not in ran.states()
    message = str(ran.failure)
    assert "none of the 1 trials completed; trial 0: UserError: the values do not go" in message
    assert "pooling: last with cell: none would look at one step only" in message


@pytest.mark.parametrize(
    "algorithm",
    [
        "{algorithm: bayesian, trials: 3, parallel: 1}",
        "{algorithm: hyperband, epochs: 3, parallel: 2}",
    ],
)
def test_other_algorithms(folder: Path, algorithm: str) -> None:
    space = "space: {network.embedding_size: [4, 8, 16], network.dropout: {min: 0, max: 0.5}}"
    tune = algorithm.replace("}", f", objective: accuracy, {space}}}")
    ran = run(folder, experiment(tune), only_tune=True)
    assert ran.failure is None
    assert "Trainer" not in ran.states()
    search = search_of(ran)
    assert {trial.state for trial in search.trials} == {"completed"}
    assert search.objective == "val_accuracy" and search.direction == "max"
    assert len(search.trials) == 4 if "bayesian" in algorithm else len(search.trials) > 4
    scores = [trial.score for trial in search.completed]
    assert scores == sorted(scores, reverse=True)


def workers_in(folder: Path) -> list[int]:
    """Processes that work on a search in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"components.tune.worker" in command and os.fsencode(folder) in command:
            found.append(int(entry.name))
    return found


def test_killed_search_goes_on_at_its_trials(folder: Path) -> None:
    context = forked()
    space = "space: {network.embedding_size: [4, 8, 16]}"
    text = experiment(f"{{trials: 3, parallel: 2, {space}}}", name="killed")
    file = folder / "killed.yaml"
    file.write_text(text, encoding="utf-8")
    arguments = (str(file), str(folder / "runs"), True)
    place = workspace(folder / "runs", "killed")

    def completed() -> dict[Path, int]:
        trials = place.nodes.glob("Tuner/.resume/*/search/trial_*/trial.json")
        ended = [path for path in trials if '"COMPLETED"' in path.read_text(encoding="utf-8")]
        return {path: (path.parent / "trained.weights.h5").stat().st_mtime_ns for path in ended}

    child = context.Process(target=run_and_exit, args=arguments)
    child.start()
    deadline = time.monotonic() + 300
    while not completed():
        assert child.is_alive() and time.monotonic() < deadline
        time.sleep(0.05)
    assert workers_in(folder)
    child.kill()
    child.join()
    before = completed()
    deadline = time.monotonic() + 10
    while workers_in(folder):
        assert time.monotonic() < deadline, "workers outlive the search"
        time.sleep(0.1)

    child = context.Process(target=run_and_exit, args=arguments)
    child.start()
    seen: dict[Path, int] = {}
    while child.is_alive():
        seen |= completed()
        time.sleep(0.05)
    child.join()
    assert child.exitcode == 0
    assert before and before.items() <= seen.items(), "a completed trial was trained again"
    (results,) = place.nodes.glob("Tuner/tuner_results/*/search.json")
    search = SearchResult.from_json(results.read_text(encoding="utf-8"))
    assert len(search.trials) == 4
    assert {trial.state for trial in search.trials} == {"completed"}
