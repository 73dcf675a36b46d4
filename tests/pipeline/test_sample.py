"""Counts and lengths of data, read in seconds, and what they predict."""

import gzip
import json
import math
import random
from pathlib import Path

import pytest
from support import EXPERIMENT, write_experiment

from components.errors import DataError
from pipeline import costs, estimate, sample
from pipeline.calibrate import Calibration
from pipeline.experiment import Experiment, load
from pipeline.node_configs import ingest_config
from pipeline.runs import RunRecord
from pipeline.sample import DataSample, Lengths, read_sample

ROWS = 3000


def content(count: int = ROWS) -> str:
    drawn = random.Random(0)
    return "".join(
        json.dumps(
            {
                "text": " ".join(str(drawn.randrange(10**9)) for _ in range(drawn.randint(1, 9))),
                "label": "ab"[number % 2],
            }
        )
        + "\n"
        for number in range(count)
    )


def sampled(file: Path, **options) -> tuple[Experiment, DataSample]:
    experiment = load(str(file))
    return experiment, read_sample(ingest_config(experiment), experiment.features, **options)


def test_small_data_are_counted_exactly(tmp_path: Path) -> None:
    experiment, found = sampled(write_experiment(tmp_path, content()))
    assert found.whole and found.share == 1.0
    assert sum(found.rows.values()) == ROWS
    assert found.rows["train"] == pytest.approx(0.8 * ROWS, rel=0.05)
    assert found.labels == {"a": ROWS / 2, "b": ROWS / 2}
    tokens = [len(json.loads(line)["text"].split()) for line in content().splitlines()]
    assert sorted(found.lengths["text"].steps) == sorted(tokens)
    assert len(found.kept) == min(sample.KEPT_ROWS, found.rows["train"])
    assert found.bytes == len(content())
    seen = len(found.lengths["text"].seen)
    assert 10_000 < seen < 14_000
    assert estimate.vocabularies(experiment, found) == {"text": seen}
    limited = load(str(tmp_path / "order.yaml"), ["features.text.vocabulary=50"])
    assert estimate.vocabularies(limited, found) == {"text": 50}


@pytest.mark.parametrize("packed", [False, True])
def test_csv_is_counted_exactly(tmp_path: Path, packed: bool) -> None:
    text = "text,label\n" + "".join(f"some words {row},{'ab'[row % 2]}\n" for row in range(ROWS))
    file = write_experiment(tmp_path, "")
    name = "rows.csv.gz" if packed else "rows.csv"
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    data = f"{{path: {name}, format: csv}}"
    file.write_text(EXPERIMENT.replace("{path: rows.jsonl, format: jsonl}", data))
    _, found = sampled(file)
    assert found.whole and sum(found.rows.values()) == ROWS and found.bytes == len(text)
    assert set(found.lengths["text"].steps) == {3}


def test_predictions_of_other_versions_are_left_out() -> None:
    old = RunRecord("r", "order", "f", [], {}, prediction={"seconds": 3})
    assert estimate.of_record(old) is None
    assert estimate.of_record(RunRecord("r", "order", "f", [], {})) is None


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_not_reached_is_estimated_from_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    rows = 16_000
    file = write_experiment(tmp_path, content(rows))
    if packed:
        path = tmp_path / "rows.jsonl"
        (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
        file.write_text(EXPERIMENT.replace("rows.jsonl", "rows.jsonl.gz"))
    # A clock that a tick a row moves on, so that the machine's load changes nothing.
    ticks = iter(range(10**9))
    monkeypatch.setattr(sample.time, "perf_counter", lambda: float(next(ticks)))
    _, found = sampled(file, seconds=rows / 4)
    assert not found.whole and found.share == pytest.approx(0.25, rel=0.1)
    assert found.labels.total() == pytest.approx(rows / 4, rel=0.01)
    assert sum(found.rows.values()) == pytest.approx(rows, rel=0.1)
    assert found.bytes == pytest.approx(len(content(rows)), rel=0.1)


def test_rows_that_a_run_would_refuse_are_reported(tmp_path: Path) -> None:
    lines = content().splitlines(keepends=True)
    lines[500], lines[700] = "no JSON\n", '{"text": "a"}\n'
    with pytest.raises(DataError) as caught:
        sampled(write_experiment(tmp_path, "".join(lines)))
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        f"{tmp_path / 'rows.jsonl'}:501",
        f"{tmp_path / 'rows.jsonl'}:701",
    ]


def test_a_vocabulary_grows_with_the_text() -> None:
    drawn = random.Random(0)
    weights = [1.0 / (rank + 1) for rank in range(50_000)]
    words = [str(rank) for rank in drawn.choices(range(50_000), weights, k=200_000)]
    lengths = Lengths()
    for start in range(0, 50_000, 20):
        lengths.add(words[start : start + 20], True)
    assert lengths.distinct(50_000) == len(lengths.seen) == len(set(words[:50_000]))
    assert lengths.distinct(200_000) == pytest.approx(len(set(words)), rel=0.25)


@pytest.mark.parametrize("tokens", ["words", "whitespace", "characters"])
def test_tokens_are_those_of_the_graph(tokens: str) -> None:
    from models.features.text import Options
    from models.features.text.graph import tokenize

    options = Options(kind="text", tokens=tokens, strip_tags=True, max_length=100)
    for text in ("Don\u2019t <br/> stop, e.g. here_now!", "Über 3.5 %", "a\u00a0b\u2003c", ""):
        expected = [token.decode() for token in tokenize(options, [text])[0].numpy()]
        assert options.tokens_of(text) == expected


CALIBRATION = Calibration(
    step=0.1, validate_row=0.001, judged_row=0.002, parameters=1000, memory=300.0
)


def predicted(
    file: Path, past: list[RunRecord], slowness: float = 1.0
) -> tuple[DataSample, estimate.Estimate]:
    experiment, found = sampled(file)
    return found, estimate.estimate(experiment, "key", found, CALIBRATION, slowness, past)


def record(prediction: estimate.Estimate, factor: float, **fields) -> RunRecord:
    nodes = [
        {"node": name, "state": "done", "seconds": factor * seconds}
        for name, seconds in prediction.nodes.items()
    ]
    kept = json.loads(json.dumps(prediction._asdict()))
    return RunRecord("r", "order", "f", [], {}, nodes=nodes, prediction=kept, **fields)


def test_prediction_adds_up(tmp_path: Path) -> None:
    file = write_experiment(tmp_path, content())
    found, first = predicted(file, [])
    steps = math.ceil(found.rows["train"] / 32)
    assert first.epoch == pytest.approx(0.1 * steps + 0.001 * found.rows["validate"])
    assert first.nodes["Trainer"] >= first.epochs * first.epoch
    assert first.seconds == pytest.approx(first.start + sum(first.nodes.values()))
    assert first.memory > costs.MEMORY_BASE + 300
    _, slow = predicted(file, [], slowness=2.0)
    # What was timed here and now is as slow already.
    assert slow.nodes["Ingest"] == pytest.approx(2 * first.nodes["Ingest"])
    assert slow.epoch == first.epoch


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_vectors_are_predicted_by_their_files_size(tmp_path: Path, suffix: str) -> None:
    assert "Embeddings" not in predicted(write_experiment(tmp_path, content()), [])[1].nodes
    drawn = random.Random(0)
    words = [f"word{word} {drawn.random():.6f} {drawn.random():.6f}\n" for word in range(100_000)]
    text = "".join(words).encode()
    (tmp_path / f"vectors{suffix}").write_bytes(gzip.compress(text) if suffix else text)
    vectors = f"max_length: 20, vectors: {{file: vectors{suffix}}}"
    described = EXPERIMENT.replace("max_length: 20", vectors).replace(", embedding_size: 16", "")
    found, prediction = predicted(write_experiment(tmp_path, content(), described), [])
    cost = costs.NODES["Embeddings"]
    vocabulary = estimate.vocabularies(load(str(tmp_path / "order.yaml")), found)["text"]
    read = cost.megabyte * len(text) / 1e6 + cost.number * 2 * vocabulary
    assert prediction.nodes["Embeddings"] == pytest.approx(cost.fixed + read, rel=0.02)


def test_earlier_runs_correct_the_prediction(tmp_path: Path) -> None:
    file = write_experiment(tmp_path, content())
    _, first = predicted(file, [])
    ran = record(first, 1.5, epochs=first.epochs, memory=first.memory * 1.2)
    _, second = predicted(file, [ran])
    assert second.nodes["Ingest"] == pytest.approx(1.5 * first.nodes["Ingest"])
    assert second.epoch == pytest.approx(1.5 * first.epoch)
    assert second.memory == pytest.approx(1.2 * first.memory)
    assert second.from_runs == 1
    # What came out as predicted, correction and all, keeps the correction.
    again = record(second, 1.0, epochs=second.epochs, memory=second.memory)
    _, third = predicted(file, [again])
    assert third.nodes == pytest.approx(second.nodes)


def test_epochs_that_did_not_run_are_not_compared(tmp_path: Path) -> None:
    _, first = predicted(write_experiment(tmp_path, content()), [])
    ran = record(first, 1.0, epochs=2)
    full = first.nodes["Trainer"]
    pairs = estimate.compared(ran, first)
    assert pairs["Trainer"][0] == pytest.approx(full - (first.epochs - 2) * first.epoch)
    ran.nodes = [node | {"state": "cached"} for node in ran.nodes]
    assert estimate.compared(ran, first) == {}


def test_a_prediction_is_kept_for_the_same_experiment_and_data(tmp_path: Path) -> None:
    file = write_experiment(tmp_path, content())
    experiment = load(str(file))
    key = estimate.key_of(experiment, ingest_config(experiment))
    assert estimate.read(tmp_path / "home", key) is None
    _, found = predicted(file, [])
    estimate.write(found._replace(key=key), tmp_path / "home")
    assert estimate.read(tmp_path / "home", key) == found._replace(key=key)
    (tmp_path / "rows.jsonl").write_text(content(ROWS + 1))
    other = estimate.key_of(experiment, ingest_config(experiment))
    assert estimate.read(tmp_path / "home", other) is None
