"""The whole pipeline on strips of small pictures: described, served, drawn and compared."""

import gzip
import json
import random
import struct
from pathlib import Path

import pytest
from support import Ran, run_file

from pipeline.compare import compare
from pipeline.explain_caption import ExplainedCaptions

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 6, 5
WORDS = ["up", "across", "slope"]
EXPERIMENT = """\
name: lines
data:
  path: lines
  format: images
  strips: {most: 3, gap: 2, words: [up, across, slope]}
  split: {by: files, train: train-images-idx3-ubyte.gz, test: t10k-images-idx3-ubyte.gz}
features:
  image: {kind: image, height: 6, width: 23}
task: {kind: caption, label: text, target: {max_length: 5}, filters: [8, 16], beam_width: 3}
network: {cell: gru, units: 32, embedding_size: 8}
training: {batch_size: 16, epochs: 15, learning_rate: 0.01, early_stopping: null}
release:
  thresholds: {exact_match: 0.6}
  slices: [images]
"""


def write_lines(folder: Path, role: str, count: int, seed: int) -> None:
    """Pictures of a line that goes up, across or both, and their labels."""
    source = random.Random(seed)
    labels = bytes(source.randrange(len(WORDS)) for _ in range(count))
    pictures = bytearray()
    for label in labels:
        start = source.randrange(1, 4)
        for row in range(HEIGHT):
            for column in range(WIDTH):
                on = (column == start, row == start, row == column)[label]
                pictures.append(source.randrange(200, 256) if on else source.randrange(0, 40))
    folder.mkdir(exist_ok=True)
    content = struct.pack(">4I", 0x803, count, HEIGHT, WIDTH) + bytes(pictures)
    (folder / f"{role}-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
    content = struct.pack(">2I", 0x801, count) + labels
    (folder / f"{role}-labels-idx1-ubyte").write_bytes(content)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("described")
    write_lines(folder / "lines", "train", 1000, seed=1)
    write_lines(folder / "lines", "t10k", 200, seed=2)
    file = folder / "lines.yaml"
    file.write_text(EXPERIMENT, encoding="utf-8")
    return run_file(file, folder / "home")


def test_strips_are_described_better_than_by_the_most_frequent_text(described: Ran) -> None:
    assert described.failure is None
    verdict = described.record.verdict
    assert verdict is not None and verdict["blessed"], verdict
    metrics = verdict["metrics"]
    assert metrics["exact_match"] > metrics["exact_match_baseline"] + 0.4
    assert metrics["word_error_rate"] < 0.5 * metrics["word_error_rate_baseline"]


def test_the_released_model_writes_what_is_drawn(described: Ran, tmp_path: Path) -> None:
    from models.sent import sent
    from serving.repository import Repository
    from serving.rest import decode_predict, encode_predict

    explained = ExplainedCaptions(described.experiment, described.record, 6)
    model = Repository(described.place.pushed).load()
    options = described.experiment.features["image"]
    instances = [sent("image", options.raw, row.numpy()) for row in explained.raw["image"]]

    def posted(signature: str) -> list[dict]:
        body = json.dumps({"signature_name": signature, "instances": instances}).encode()
        request = decode_predict(body, model.specs)
        answer = model.signatures[request.signature.name].run(request.inputs)
        return json.loads(encode_predict(answer, request.row_format))["predictions"]

    answers, greedy = posted("serving_default"), posted("greedy")
    for found, answer, first in zip(explained.explanations, answers, greedy, strict=True):
        assert answer["text"] == found.text == answer["texts"][0]
        assert answer["pieces"][: answer["length"]] == found.pieces
        assert len(answer["texts"]) == 3 and len(first["texts"]) == 1
        assert answer["stopped"] in ("end", "limit")
        assert first["log_probability"] <= answer["log_probability"] + 1e-4 or (
            first["text"] != answer["text"]
        )
    written = list(explained.write_figures(tmp_path / "why"))
    assert [path.name for path in written] == [f"{row + 1}.image.attention.png" for row in range(6)]


def test_baselines_stand_beside_it(described: Ran) -> None:
    table = {
        row.model: row.metrics
        for row in compare(described.experiment, described.place, described.record)
    }
    assert list(table) == ["one text", "without attention", "this network (gru)"]
    assert described.record.verdict is not None
    metrics = described.record.verdict["metrics"]
    for name in ("exact_match", "word_error_rate"):
        trivial = metrics[f"{name}_baseline"]
        assert table["one text"][name] == pytest.approx(trivial, rel=1e-5)
    blind = table["without attention"]["exact_match"]
    assert blind > table["one text"]["exact_match"]
