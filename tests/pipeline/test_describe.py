"""``rondo describe`` on small experiments, in this process."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support import json_lines, tagged_rows, write_experiment

from pipeline import runs
from pipeline.cli.describe import short, size
from pipeline.cli.main import main
from pipeline.corpora.word_order import json_lines as word_order
from pipeline.describe import ASSETS
from pipeline.experiment import load
from pipeline.workspace import workspace

TAGGING = """\
name: order
data: {path: rows.jsonl, format: jsonl}
features:
  tokens: {kind: tokens}
task: {kind: tag, label: tags}
network: {cell: gru, units: 4, embedding_size: 4}
"""


def describe(file: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["describe", str(file), "--home", str(file.parent), *more])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_experiment(tmp_path_factory.mktemp("described"), word_order(200))


def test_numbers_and_drawing(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "network.png"
    done = describe(file, "--picture", str(picture))
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "order: network lstm"
    assert lines[1].startswith("vocabularies (sample, all of the data): text ")
    assert "an estimate: in a run they can be larger" in lines[2]
    assert "[batch, time, 16]" in done.stdout and "median steps of" in done.stdout
    assert "LSTM 16 →" in done.stdout and lines[-1] == f"picture: {picture}"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_json_of_a_tagger(tmp_path: Path) -> None:
    file = write_experiment(tmp_path, json_lines(tagged_rows(80)), TAGGING)
    done = describe(file, "--json", "--set", "network.bidirectional=true")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["estimated"] and found["vocabularies"] == {"tokens": 10, "label": 3}
    layers = {layer["name"]: layer for layer in found["layers"]}
    assert layers["tokens.embedding"]["trainable"] == (10 + 2) * 4
    steps = found["typical_lengths"]["tokens"]
    assert layers["tokens.backward.0"]["products_row"] == steps * 2 * (4 + 4) * 3 * 4
    assert layers["tag.scores"]["output"] == "[batch, time, 3]"
    assert found["totals"]["trainable"] == sum(each["trainable"] for each in layers.values())
    memory = found["memory"]
    parts = ("weights", "gradients", "optimizer", "activations")
    assert memory["training"] == sum(memory[part] for part in parts)
    assert memory["weights"] == memory["gradients"] == 4 * found["totals"]["trainable"]


def test_sizes_come_from_the_last_run_of_the_same_data_and_features(tmp_path: Path) -> None:
    file = write_experiment(tmp_path, word_order(200))
    experiment = load(str(file))
    place = workspace(tmp_path, experiment.name)
    record, folder = runs.start(place, experiment, str(file), ())
    assets = tmp_path / "transform_graph" / ASSETS
    assets.mkdir(parents=True)
    (assets / "text").write_text("".join(f"word{n}\n" for n in range(50)), encoding="utf-8")
    (assets / "label").write_text("no\nyes\nperhaps\n", encoding="utf-8")
    record.artifacts = {"transform_graph": str(tmp_path / "transform_graph")}
    runs.write(record, folder)
    found = json.loads(describe(file, "--json", "--set", "network.units=8").stdout)
    assert found["sizes_from"] == f"run {record.run}" and not found["estimated"]
    assert found["vocabularies"] == {"label": 3, "text": 50}
    layers = {layer["name"]: layer for layer in found["layers"]}
    assert layers["text.embedding"]["trainable"] == 52 * 16
    assert layers["classify.scores"]["output"] == "[batch, 3]"
    other = json.loads(describe(file, "--json", "--set", "features.text.lower=false").stdout)
    assert other["estimated"]


def test_network_of_a_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "described_own.py").write_text(
        "import keras\n\ndef build_model(hp, parts):\n"
        "    inputs = parts.inputs()\n"
        "    values, lengths = parts.encoded('text', inputs, 4)\n"
        "    mixed = keras.layers.Conv1D(hp.Int('filters', 6, 9), 3, padding='same')(values)\n"
        "    vector = keras.layers.GlobalMaxPooling1D()(mixed)\n"
        "    return keras.Model(inputs, parts.head(vector))\n"
    )
    file = write_experiment(tmp_path, word_order(200))
    done = describe(file, "--set", "network.build_model=described_own.build_model")
    assert done.exit_code == 0, done.output
    assert "Conv1D 6 [6]" in done.stdout and "[batch, time, 6]" in done.stdout


@pytest.mark.parametrize(
    "more, message",
    [
        (("--set", "data.path=gs://bucket/rows"), "data that are elsewhere are not read here"),
        (("--picture", "network.bmp"), "a picture is a file that ends in .png, .svg, .pdf"),
        (("--picture", "no/such/network.png"), "there is no folder"),
    ],
)
def test_what_cannot_be_described(file: Path, more: tuple[str, ...], message: str) -> None:
    done = describe(file, *more)
    assert done.exit_code == 2 and message in " ".join(done.stderr.split())


def test_large_numbers_are_short() -> None:
    assert [short(number) for number in (950, 41_504, 1_200_000)] == ["950", "41.5 k", "1.2 M"]
    assert [size(number) for number in (12, 4_520_000, 3 * 10**9)] == ["12 B", "4.52 MB", "3 GB"]
