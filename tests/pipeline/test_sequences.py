"""The whole pipeline on sequences: tokens that are tagged, series that are classified."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from support import Ran, json_lines, run_file, tagged_rows, wave_rows, write_experiment

from pipeline.cli.explain import command as explain
from pipeline.cli.predict import command as predict

pytestmark = pytest.mark.slow

TAGS = """\
name: tags
data: {path: rows.jsonl, format: jsonl}
features:
  tokens: {kind: tokens}
task: {kind: tag, label: tags}
network: {cell: gru, units: 12, embedding_size: 8}
training: {batch_size: 32, epochs: 12, learning_rate: 0.03, early_stopping: {patience: 3}}
release:
  thresholds: {token_accuracy: 0.95}
"""
WAVES = """\
name: waves
data: {path: rows.jsonl, format: jsonl}
features:
  wave: {kind: series, depth: 2}
task: {kind: classify, label: label}
network: {cell: lstm, units: 12}
training: {batch_size: 32, epochs: 20, learning_rate: 0.03, early_stopping: {patience: 5}}
release:
  thresholds: {accuracy: 0.9}
"""
ROWS = 600


class Released(NamedTuple):
    ran: Ran
    home: Path

    def predicted(self, rows: list[dict]) -> list[dict]:
        name = self.ran.experiment.name
        lines = json_lines(rows)
        done = CliRunner().invoke(predict, [name, "--home", str(self.home)], input=lines)
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    def posted(self, instances: list[dict]) -> list[dict]:
        """What the server answers, without the socket."""
        from serving.repository import Repository
        from serving.rest import decode_predict, encode_predict

        model = Repository(self.ran.place.pushed).load()
        request = decode_predict(json.dumps({"instances": instances}).encode(), model.specs)
        answer = model.signatures[request.signature.name].run(request.inputs)
        return json.loads(encode_predict(answer, request.row_format))["predictions"]


@pytest.fixture(scope="module")
def tags(tmp_path_factory: pytest.TempPathFactory) -> Released:
    folder = tmp_path_factory.mktemp("tags")
    file = write_experiment(folder, json_lines(tagged_rows(ROWS)), TAGS)
    return Released(run_file(file, folder / "home"), folder / "home")


@pytest.fixture(scope="module")
def waves(tmp_path_factory: pytest.TempPathFactory) -> Released:
    folder = tmp_path_factory.mktemp("waves")
    file = write_experiment(folder, json_lines(wave_rows(ROWS)), WAVES)
    return Released(run_file(file, folder / "home"), folder / "home")


def test_tokens_are_tagged_by_what_stands_before_them_and_the_model_is_released(
    tags: Released,
) -> None:
    assert tags.ran.failure is None
    verdict = tags.ran.record.verdict
    assert verdict is not None and verdict["blessed"], verdict
    metrics = verdict["metrics"]
    assert metrics["token_accuracy"] >= 0.95 and metrics["token_accuracy_baseline"] < 0.6
    # As many rows as the test split has, not as many as it has tokens.
    report = json.loads(
        next(Path(tags.ran.place.nodes, "DataGate").rglob("report.json")).read_text()
    )
    assert metrics["rows"] == metrics["groups"] == report["rows"]["test"]
    assert sum(report["rows"].values()) == ROWS


# Of the last run that was judged, which in the next test is another one.
def test_tags_and_series_are_explained_with_figures(
    tags: Released, waves: Released, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def explained(released: Released, *arguments: str) -> str:
        capfd.readouterr()
        name = released.ran.experiment.name
        done = CliRunner().invoke(explain, [name, *arguments, "--home", str(released.home)])
        assert done.exit_code == 0, done.output
        return capfd.readouterr().out

    done = explained(tags, "--rows", "2", "--figures", str(tmp_path))
    assert "/after" in done and "/start" in done
    assert {file.name for file in tmp_path.iterdir()} == {
        f"{row}.tokens.{kind}.png"
        for row in (1, 2)
        for kind in ("attribution", "forward.0.activations")
    }
    near = explained(tags, "--neighbours", "a", "--figures", str(tmp_path))
    # What a letter is read for is its kind alone.
    assert near.split("cosine")[1].split()[0] in "ei"
    assert (tmp_path / "tokens.neighbours.png").is_file()
    shown = explained(waves, "--rows", "3", "--figures", str(tmp_path / "waves"))
    assert "%]" in shown and "6 figures in" in shown
    unknown = CliRunner().invoke(explain, ["tags", "--neighbours", "aa", "--home", str(tags.home)])
    assert unknown.exit_code == 2
    without = CliRunner().invoke(explain, ["waves", "--neighbours", "a", "--home", str(waves.home)])
    assert without.exit_code == 2


def test_a_network_without_memory_cannot_tag_them(tags: Released) -> None:
    file = tags.home.parent / "order.yaml"
    without = ("network.cell=none", "network.pooling=mean")
    bag = run_file(file, tags.home, without)
    assert bag.failure is None
    assert bag.record.verdict is not None and not bag.record.verdict["blessed"]
    assert bag.record.verdict["metrics"]["token_accuracy"] < 0.75
    assert bag.states()["Transform"] == "cached"


def test_tags_of_a_row_are_the_same_alone_in_a_batch_and_padded_over_rest(tags: Released) -> None:
    rows = [{"tokens": row["tokens"]} for row in tagged_rows(20, seed=9)]
    together = tags.predicted(rows)
    alone = [tags.predicted([row])[0] for row in rows[:3]]
    width = max(len(row["tokens"]) for row in rows)
    posted = tags.posted(
        [
            {
                "tokens": row["tokens"] + ["x"] * (width - len(row["tokens"])),
                "tokens_length": len(row["tokens"]),
            }
            for row in rows
        ]
    )
    for row, answer in zip(rows, together, strict=True):
        assert len(answer["labels"]) == len(answer["scores"]) == len(row["tokens"])
        assert answer["length"] == len(row["tokens"])
    for expected, answers in ((together[:3], alone), (together, posted)):
        for one, other in zip(expected, answers, strict=True):
            length = one["length"]
            assert other["labels"][:length] == one["labels"]
            assert other["scores"][:length] == pytest.approx(one["scores"], rel=1e-4)
            assert not any(other["labels"][length:])
    truth = [row["tags"] for row in tagged_rows(20, seed=9)]
    right = [answer["labels"] == tags for answer, tags in zip(together, truth, strict=True)]
    assert sum(right) >= 15


def test_tags_are_compared_with_what_forgets_and_are_the_evaluators_numbers(
    tags: Released,
) -> None:
    from pipeline.compare import compare

    ran = tags.ran
    rows = {row.model: row for row in compare(ran.experiment, ran.place, ran.record)}
    assert list(rows) == [
        *("majority label", "each token's majority label", "each step alone"),
        "this network (gru)",
    ]
    metrics = ran.record.verdict["metrics"]
    for name in ("token_accuracy", "log_loss"):
        trivial = rows["majority label"].metrics[name]
        assert trivial == pytest.approx(metrics[f"{name}_baseline"], rel=1e-6)
    # The label is in the token before, of which none of them knows.
    found = [row.metrics["token_accuracy"] for row in rows.values()]
    assert max(found[:-1]) < 0.7 < found[-1]
    # A dense layer in place of the cell: 8 x 12 + 12; a GRU has 3 x (8 x 12 + 12 x 12 + 2 x 12).
    alone, network = rows["each step alone"].parameters, rows["this network (gru)"].parameters
    assert network - alone == 3 * (96 + 144 + 24) - 108


def test_series_are_classified_whatever_the_size_of_their_channels(waves: Released) -> None:
    assert waves.ran.failure is None
    verdict = waves.ran.record.verdict
    assert verdict is not None and verdict["blessed"], verdict
    assert verdict["metrics"]["accuracy_baseline"] < 0.65
    fresh = wave_rows(30, seed=9)
    answers = waves.predicted(fresh)
    right = [answer["label"] == row["label"] for answer, row in zip(answers, fresh, strict=True)]
    assert sum(right) >= 25
    posted = waves.posted(
        [{"wave": row["wave"] + [[9.9, 9.9]], "wave_length": len(row["wave"])} for row in fresh[:1]]
    )
    assert posted[0]["scores"] == pytest.approx(answers[0]["scores"], rel=1e-3)


def test_a_row_whose_labels_do_not_fit_stops_the_run_with_its_place(tmp_path: Path) -> None:
    rows = tagged_rows(400)
    rows[300]["tags"].append("start")
    file = write_experiment(tmp_path, json_lines(rows), TAGS)
    ran = run_file(file, tmp_path / "home")
    steps = len(rows[300]["tokens"])
    said = str(ran.failure)
    assert f"rows.jsonl:301: feature 'tokens' has {steps} steps, but column 'tags'" in said
    assert f"{steps + 1} labels" in said
