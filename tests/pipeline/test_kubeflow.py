"""The compiled pipeline: what it states, and each node run by its own container command."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from containers import Done, run_compiled
from support import Ran

from pipeline.cli.main import main
from pipeline.cluster import DEFAULT_IMAGE
from pipeline.corpora.word_order import rows

pytestmark = pytest.mark.slow

ENTRY = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
DRIVER = "tfx.orchestration.kubeflow.v2.file_based_example_gen.driver"
FOUND = {"network.embedding_size": 16, "training.learning_rate": 0.02}
SEARCHED = (
    "network.embedding_size=8",
    "training.learning_rate=0.0001",
    "tune={trials: 1, parallel: 1, space: "
    "{network.embedding_size: [16], training.learning_rate: [0.02]}}",
)
"""The local run's experiment with worse values, of which the one trial is that run's own."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def compiled(experiment_file: Path, root: Path) -> Path:
    output = root / "pipeline.yaml"
    done = CliRunner(env={"RONDO_IMAGE": ""}).invoke(
        main,
        [
            *("compile", str(experiment_file), "-o", str(output)),
            *("--root", str(root), "--local-paths"),
            *(f"--set={override}" for override in SEARCHED),
        ],
    )
    assert done.exit_code == 0, done.output
    assert f"wrote {output}: pipeline 'order', PipelineSpec 2.1" in done.stdout
    assert f"models: {root}/order/pushed" in done.stdout
    assert "note: drift is not measured there" in done.stdout
    return output


@pytest.fixture(scope="module")
def ran(compiled: Path, root: Path) -> Done:
    return run_compiled(compiled, root / "order")


def test_compiled_file_is_the_whole_pipeline_in_one_image(
    compiled: Path, root: Path, experiment_file: Path
) -> None:
    from pipeline import kubeflow_spec, nodes
    from pipeline.experiment import load

    spec, deployment = kubeflow_spec.read(compiled.read_text(encoding="utf-8"))
    assert spec.schema_version == "2.1.0" and spec.pipeline_info.name == "order"
    assert spec.default_pipeline_root == f"{root}/order"
    tasks = spec.root.dag.tasks
    searched = load(str(experiment_file), SEARCHED)
    # No resolver of ours runs there, so drift is not measured.
    assert set(tasks) == {node.name for node in nodes.nodes(searched)} - {nodes.LAST_DATA}
    hyperparameters = tasks[nodes.TRAIN].inputs.artifacts["hyperparameters"]
    assert hyperparameters.task_output_artifact.producer_task == nodes.TUNE
    # Open-source Kubeflow refuses a file with a resolver in it.
    assert {executor.WhichOneof("spec") for executor in deployment.executors.values()} == {
        "container"
    }
    images = {executor.container.image for executor in deployment.executors.values()}
    assert images == {DEFAULT_IMAGE}
    # The rows' hashes are in the file, so ingest can be cached; releases can change any time.
    uncached = {name for name, task in tasks.items() if not task.caching_options.enable_cache}
    assert uncached == {nodes.LAST_BLESSED}


def test_data_that_are_elsewhere_are_always_read_again(experiment_file: Path) -> None:
    from pipeline import cluster, kubeflow_runner, kubeflow_spec, nodes
    from pipeline.experiment import load

    experiment = load(str(experiment_file), ("data.path=gs://bucket/rows.jsonl",))
    target = cluster.target(experiment, "gs://bucket/rondo", image="registry/rondo:1")
    spec, _ = kubeflow_spec.read(kubeflow_runner.compiled(experiment, target))
    tasks = spec.root.dag.tasks
    uncached = {name for name, task in tasks.items() if not task.caching_options.enable_cache}
    assert uncached == {nodes.LAST_BLESSED, nodes.INGEST}
    given = tasks[nodes.INGEST].inputs.parameters
    assert given["input_base"].runtime_value.constant.string_value == "gs://bucket"


def test_every_node_runs_by_its_own_command(ran: Done, compiled: Path) -> None:
    from pipeline import kubeflow_spec

    spec, _ = kubeflow_spec.read(compiled.read_text(encoding="utf-8"))
    assert set(ran.outputs) == set(spec.root.dag.tasks)
    modules = [command[2] for command in ran.commands]
    assert modules.count(ENTRY) == len(ran.outputs) and modules.count(DRIVER) == 1


def test_trainer_takes_what_the_tuner_found(ran: Done) -> None:
    from components.train.run import VALUES
    from components.tune.results import SEARCH, SearchResult

    (results,) = ran.outputs["Tuner"]["tuner_results"]
    search = SearchResult.from_json(Path(results["uri"], SEARCH).read_text(encoding="utf-8"))
    default, trial = search.trials
    assert trial.values == FOUND and search.completed == [trial, default]
    (model_run,) = ran.outputs["Trainer"]["model_run"]
    used = json.loads(Path(model_run["uri"], VALUES).read_text(encoding="utf-8"))
    for name, value in FOUND.items():
        section, field = name.split(".")
        assert used[section][field] == value


def test_first_release_is_compared_with_none(ran: Done) -> None:
    from components.evaluate.gate import RELEASE

    (evaluation,) = ran.outputs["Evaluator"]["evaluation"]
    verdict = json.loads(Path(evaluation["uri"], RELEASE).read_text(encoding="utf-8"))
    assert verdict["blessed"] and verdict["last_blessed"] is None
    assert "none was released before" in verdict["skipped"]


def test_pushed_model_answers_as_the_local_runs(ran: Done, root: Path, first_run: Ran) -> None:
    (version,) = (root / "order" / "pushed").iterdir()
    (pushed,) = ran.outputs["Pusher"]["pushed_model"]
    assert pushed["metadata"]["pushed_destination"] == str(version)
    texts = tf.constant([row["text"] for row in rows(200, seed=7)])
    theirs, ours = (
        tf.saved_model.load(str(path)).signatures["serving_default"](text=texts)
        for path in (version, first_run.record.model)
    )
    np.testing.assert_array_equal(theirs["labels"], ours["labels"])
    np.testing.assert_allclose(theirs["scores"], ours["scores"], rtol=1e-4, atol=1e-5)


def test_next_run_is_compared_with_the_newest_release(
    ran: Done, root: Path, first_run: Ran, tmp_path: Path
) -> None:
    from tfx.types.standard_artifacts import Model
    from tfx.utils import path_utils

    from components.evaluate.released import LastReleased
    from models.export import read_about

    pushed = root / "order" / "pushed"
    (pushed / "99999999999").mkdir()  # No model is in it: one that is still being copied.
    model = Model()
    model.uri = str(tmp_path / "model")
    LastReleased.test_call(model=model, push_directory=str(pushed))
    found = read_about(path_utils.serving_model_path(model.uri))
    assert (
        found["name"] == "order" and found["labels"] == read_about(first_run.record.model)["labels"]
    )
    nothing = Model()
    nothing.uri = str(tmp_path / "nothing")
    LastReleased.test_call(model=nothing, push_directory=str(tmp_path / "none"))
    assert not Path(nothing.uri).exists()
