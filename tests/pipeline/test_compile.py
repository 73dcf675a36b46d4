"""``rondo compile`` refused: what it says where the pipeline could not work on a cluster."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support import write_experiment

from components.errors import UserError
from pipeline import environment
from pipeline.cli.main import main
from pipeline.cluster import DEFAULT_IMAGE, Target, foreign_modules, target
from pipeline.experiment import load

ROW = '{"text": "a b", "label": "x"}\n'
REMOTE = ("--set", "data.path=gs://bucket/rows.jsonl")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_experiment(tmp_path, ROW)


def compile_(file: Path, output: Path, *options: str) -> Result:
    return CliRunner(env={"RONDO_ROOT": "", "RONDO_IMAGE": ""}).invoke(
        main, ["compile", str(file), "-o", str(output), *options]
    )


def refused(result: Result, output: Path) -> str:
    assert result.exit_code == 2 and not output.exists(), result.output
    return result.stderr.strip()


def test_no_such_file(tmp_path: Path) -> None:
    output = tmp_path / "pipeline.yaml"
    said = refused(compile_(tmp_path / "none.yaml", output, "--root", "gs://b/r"), output)
    assert said == (
        f"{tmp_path}/none.yaml: No such file or directory (`rondo init NAME` writes an experiment "
        "file)"
    )


def test_no_such_folder_for_the_output(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "pipeline.yaml"
    said = refused(compile_(file, output, *REMOTE, "--root", "gs://b/r"), output)
    assert said == f"{output}: there is no folder {output.parent} (mkdir -p {output.parent})"


def test_output_that_kubeflow_does_not_take(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "pipeline.json"
    said = refused(compile_(file, output, *REMOTE, "--root", "gs://b/r"), output)
    assert said == f"{output}: Kubeflow takes a .yaml file; name it so"


def test_data_of_this_machine_and_no_root_are_told_together(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "pipeline.yaml"
    data, root = refused(compile_(file, output), output).splitlines()
    assert data == (
        f"data.path: {tmp_path}/rows.jsonl: is a path of this machine, which the cluster's "
        "containers do not see; --set data.path=gs://BUCKET/FILE (or give --local-paths if this "
        "very path is in every container, as a volume or in the image)"
    )
    assert root.startswith("--root: is missing") and "--root gs://BUCKET/rondo" in root


def test_scheme_that_tensorflow_cannot_read(file: Path) -> None:
    with pytest.raises(UserError, match=r"^--push-to: s3://b: .*cannot read s3://.*gs://"):
        target(load(str(file), (REMOTE[1],)), "gs://b/r", "s3://b")


@pytest.mark.parametrize("path", ["gs://bucket", "gs://bucket/", "gs://bucket/rows/"])
def test_remote_folder_in_the_place_of_files(file: Path, path: str) -> None:
    with pytest.raises(UserError) as raised:
        target(load(str(file), (f"data.path={path}",)), "gs://b/r")
    assert str(raised.value) == (
        f"data.path: {path}: is a folder, which cannot be looked into from here; "
        f"--set data.path={path.rstrip('/')}/*.jsonl"
    )
    split = "data.split={by: files, train: a.jsonl, validate: b.jsonl, test: c.jsonl}"
    assert target(load(str(file), (f"data.path={path}", split)), "gs://b/r").root


def test_relative_path_in_a_container(file: Path) -> None:
    with pytest.raises(UserError, match=r"^--root: rondo: is relative; .* starts with /$"):
        target(load(str(file)), "rondo", local_paths=True)


def test_name_that_kubeflow_does_not_take(file: Path) -> None:
    with pytest.raises(UserError, match=r"^name: 'My_task' came; .*\(--set name=my-task\)$"):
        target(load(str(file), ("name=My_task", REMOTE[1])), "gs://b/r")


def test_search_where_there_are_no_files(file: Path) -> None:
    tuned = (REMOTE[1], "tune.trials=2")
    with pytest.raises(UserError, match=r"^tune: .*gs://b/r is no file system; .*in_run=false$"):
        target(load(str(file), tuned), "gs://b/r")
    without = load(str(file), (*tuned, "tune.in_run=false"))
    assert target(without, "gs://b/r").root == "gs://b/r/order"
    assert target(load(str(file), ("tune.trials=2",)), "/mnt/r", local_paths=True).root


def test_target_under_its_root(file: Path) -> None:
    experiment = load(str(file), (REMOTE[1],))
    assert target(experiment, "gs://b/r/") == Target(
        "gs://b/r/order", "gs://b/r/order/pushed", DEFAULT_IMAGE
    )
    assert target(experiment, "gs://b/r", "gs://p/", "i:1") == Target(
        "gs://b/r/order", "gs://p", "i:1"
    )


def test_modules_that_the_image_must_hold(file: Path) -> None:
    experiment = load(str(file))
    assert foreign_modules(experiment) == []
    text = experiment.features["text"].model_copy(update={"kind": "my_package.sound"})
    network = experiment.network.model_copy(update={"build_model": "nets.build"})
    own = experiment.model_copy(update={"features": {"text": text}, "network": network})
    assert foreign_modules(own) == ["my_package.sound", "nets"]


def test_environment_names_the_experiment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(environment.EXPERIMENT, str(file))
    assert environment.named_experiment() == (str(file), load(str(file)))
    monkeypatch.delenv(environment.EXPERIMENT)
    with pytest.raises(UserError, match=r"RONDO_EXPERIMENT is not set; .*RONDO_EXPERIMENT=exp"):
        environment.named_experiment()
