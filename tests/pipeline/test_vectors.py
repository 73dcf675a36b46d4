"""Experiments with pretrained vectors: options, checks, and what each node reads of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import write_experiment

from components.embeddings.files import check_vectors
from components.errors import DataError, UserError
from pipeline.changes import changes
from pipeline.cli.main import main
from pipeline.cluster import target
from pipeline.corpora.word_order import json_lines
from pipeline.experiment import Experiment, ExperimentError, load
from pipeline.node_configs import embeddings_config
from pipeline.nodes import EMBED, TRAIN, TRANSFORM, TUNE, nodes
from pipeline.workspace import workspace

EXPERIMENT = """\
name: order
data: {path: rows.jsonl, format: jsonl}
features:
  text: {kind: text, vectors: {file: v.txt}}
task: {kind: classify, label: label}
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Experiment]:
    (tmp_path / "v.txt").write_text("cat 1 2\ndog 3 4\n")
    file = write_experiment(tmp_path, json_lines(60), EXPERIMENT)
    return lambda *overrides: load(str(file), overrides)


def test_the_node_stands_before_those_that_read_it_and_only_where_it_is_asked_for(
    read: Callable,
) -> None:
    searched = nodes(read("tune={}"))
    names = [node.name for node in searched]
    assert names.index(TRANSFORM) + 1 == names.index(EMBED) < names.index(TUNE) < names.index(TRAIN)
    readers = {node.name for node in searched if "embeddings" in node.inputs}
    assert readers == {TUNE, TRAIN}
    assert EMBED in [node.name for node in nodes(read("tune={}"), only_tune=True)]
    without = nodes(read("features.text.vectors=null"))
    assert not any(node.name == EMBED or "embeddings" in node.inputs for node in without)


def test_each_option_runs_what_reads_it(read: Callable, tmp_path: Path) -> None:
    def changed(*overrides: str) -> dict[str, list[str]]:
        shares = [
            {node.name: node.config(each).to_json() for node in nodes(each) if node.config}
            for each in (read("tune={}"), read("tune={}", *overrides))
        ]
        place = workspace(tmp_path / "home", "order")
        return {
            name: changes(json.loads(shares[0][name]), json.loads(share), None, place)
            for name, share in shares[1].items()
            if share != shares[0][name]
        }

    trained = ["features.text.vectors.trained false -> true"]
    assert changed("features.text.vectors.trained=true") == {TUNE: trained, TRAIN: trained}
    assert set(changed("features.text.vectors.lowercase=true")) == {EMBED, TUNE, TRAIN}
    assert changed("training.seed=1")[EMBED] == ["training.seed 0 -> 1"]
    assert set(changed("training.epochs=3", "network.units=3")) == {TUNE, TRAIN}
    before = read()
    (tmp_path / "v.txt").write_text("cat 1 2\ndog 3 5 \n")
    shares = [json.loads(embeddings_config(each).to_json()) for each in (before, read())]
    assert shares[0]["contents"].keys() == {str(tmp_path / "v.txt")}
    other = {**shares[0], "contents": {str(tmp_path / "v.txt"): "before"}}
    assert changes(other, shares[1], None, workspace(tmp_path, "x")) == ["vectors changed: v.txt"]


def test_without_random_vectors_the_seed_is_not_read(read: Callable) -> None:
    zero = "features.text.vectors.missing=zero"
    assert embeddings_config(read(zero, "training.seed=1")) == embeddings_config(read(zero))


def test_a_relative_file_starts_at_the_experiment_and_an_overridden_one_at_the_command(
    read: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    def path(*overrides: str) -> str:
        return read(*overrides).features["text"].vectors.file

    assert path() == path("training.epochs=3") == str(tmp_path / "v.txt")
    assert path("features.text.vectors.file=w.txt") == str(elsewhere / "w.txt")
    assert path("features.text.vectors={file: w.txt}") == str(elsewhere / "w.txt")
    assert path("features.text.vectors.file=gs://b/w.txt") == "gs://b/w.txt"


def test_stated_width_is_checked_where_only_vectors_could_have_it(read: Callable) -> None:
    assert check_vectors(embeddings_config(read())) == {"text": 2}
    assert check_vectors(embeddings_config(read("network.embedding_size=2"))) == {"text": 2}
    stated = "network.embedding_size=64"
    with pytest.raises(DataError, match=r"embedding_size is 64, but 2 numbers a word are in .*v\."):
        check_vectors(embeddings_config(read(stated)))
    with pytest.raises(DataError, match="embedding_size is 64"):
        check_vectors(embeddings_config(read(stated, "features.price={kind: numeric}")))
    # The width of the other feature's embedding.
    shop = "features.shop={kind: categorical}"
    assert check_vectors(embeddings_config(read(stated, shop))) == {"text": 2}
    space = "tune={space: {network.embedding_size: [8, 16]}}"
    with pytest.raises(ExperimentError, match="every embedding is as wide as its vectors"):
        read(space)
    assert read(space, shop).tune is not None


def test_check_says_the_width_and_names_what_is_ragged(read: Callable, tmp_path: Path) -> None:
    file = tmp_path / "order.yaml"
    read()
    done = CliRunner().invoke(main, ["check", str(file), "--quick"])
    assert done.exit_code == 0, done.output
    assert f"{tmp_path}/v.txt: 2 numbers a word (features.text.vectors)\n" in done.stdout
    (tmp_path / "v.txt").write_text("2 2\ncat 1 2\ndog 3\n")
    done = CliRunner().invoke(main, ["check", str(file), "--quick"])
    assert done.exit_code == 2
    assert done.stderr == (
        f"{tmp_path}/v.txt:3: 1 number came after 'dog', where 2 numbers belong, as the header "
        "says (mend or remove the line, or fetch the file anew)\n"
    )
    (tmp_path / "v.txt").unlink()
    for command in (["check", "--quick"], ["run", "--explain", f"--home={tmp_path}/home"]):
        done = CliRunner().invoke(main, [*command, str(file)])
        assert done.exit_code == 2 and "v.txt: no such file of vectors" in done.stderr
    remote = "--set=features.text.vectors.file=gs://b/v.txt"
    done = CliRunner().invoke(main, ["check", str(file), remote])
    assert "gs://b/v.txt: not read here" in done.stdout
    assert "nothing is predicted" in done.stdout


def test_a_cluster_must_see_the_file(read: Callable) -> None:
    data = "data.path=gs://b/rows.jsonl"
    with pytest.raises(UserError, match=r"features\.text\.vectors\.file: .*v\.txt: is a path of"):
        target(read(data), "gs://b/root")
    assert target(read(data, "features.text.vectors.file=gs://b/v.txt"), "gs://b/root").root
