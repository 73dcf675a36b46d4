"""Data held against a contract: the first run writes it, later ones keep to it, people widen it."""

import dataclasses
import io
import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support import Ran, run_file

from components.errors import UserError
from components.validate.findings import Finding, UnfitData
from pipeline.cli.main import main
from pipeline.experiment import load
from pipeline.node_configs import validation_config

EXPERIMENT = """\
name: shop
data: {path: rows.jsonl, format: jsonl}
features:
  words: {kind: tokens, max_length: 20}
  price: {kind: numeric}
  shop: {kind: categorical}
task: {kind: classify, label: label}
network: {layers: 0, pooling: mean, embedding_size: 8}
training: {batch_size: 64, epochs: 1}
release: {thresholds: {accuracy: 0.01}, beat_baseline: false, keep_quality: false}
"""
ROWS = 500
DISTANT = {"shops": "abd", "price": 80.0, "rare": 0.1, "words": 40}


def rows(
    shops: str = "abc", price: float = 50.0, rare: float = 0.5, words: int = 15, seed: int = 0
) -> str:
    source = random.Random(seed)
    lines = []
    for _ in range(ROWS):
        row = {
            "words": source.choices([f"word{number}" for number in range(50)], k=words),
            "price": round(source.gauss(price, 4.0), 2),
            "shop": source.choice(shops),
            "label": "first" if source.random() < rare else "second",
        }
        lines.append(json.dumps(row) + "\n")
    return "".join(lines)


def experiment_file(folder: Path, text: str = EXPERIMENT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.jsonl").write_text(rows())
    file = folder / "shop.yaml"
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return experiment_file(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def first(file: Path) -> Ran:
    return run_file(file, file.parent / "runs")


@pytest.fixture(scope="module")
def distant(file: Path, first: Ran) -> Ran:
    """A run on data that are far from those of the first one, which was blessed."""
    assert first.record.state == "blessed"
    (file.parent / "rows.jsonl").write_text(rows(**DISTANT))
    stops = ("validate.drift=stop", "validate.new_values=stop")
    return run_file(file, file.parent / "runs", stops)


def schema_file(file: Path) -> Path:
    return file.parent / "shop.schema.pbtxt"


def rondo_schema(file: Path, *options: str) -> Result:
    home = str(file.parent / "runs")
    wide = {"COLUMNS": "300"}
    return CliRunner(env=wide).invoke(main, ["schema", str(file), "--home", home, *options])


def findings(ran: Ran) -> dict[tuple[str, str, str], Finding]:
    found = [Finding.from_dict(each) for each in ran.record.findings]
    return {(each.split, each.feature, each.check): each for each in found}


def test_before_the_first_run_the_experiment_alone_speaks(tmp_path: Path) -> None:
    file = experiment_file(tmp_path)
    shown = rondo_schema(file)
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["words", "price", "shop", "label"]
    assert "not there yet" in lines[-1] and str(schema_file(file)) in lines[-1]
    for option in ("--update", "--diff"):
        said = rondo_schema(file, option)
        assert said.exit_code == 2 and "no such file (--write" in said.output
    said = rondo_schema(file, "--write")
    assert said.exit_code == 2 and "no run has counted this experiment's data yet" in said.output
    assert "exclude each other" in rondo_schema(file, "--write", "--diff").output


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('name: "price"', 'name: "cost"', "feature 'price': the experiment has it, the schema"),
        (
            "type: FLOAT",
            "type: BYTES",
            "feature 'price': the type is text or bytes (BYTES) in the schema, but numbers (FLOAT)",
        ),
        ("min_fraction: 1.0", "min_fraction: 0.5", "feature 'words': the presence is at least 50%"),
        ("shape {\n  }", "value_count {\n    min: 1\n  }", "the shape is sequence in the schema"),
        ("type: FLOAT", "type: NUMBER", "has no value named NUMBER."),
        ("type: FLOAT", "tipe: FLOAT", "no field named"),
    ],
)
def test_a_schema_file_that_does_not_fit_stops_before_the_run(
    tmp_path: Path, before: str, after: str, says: str
) -> None:
    from google.protobuf import text_format

    from components.validate.contract import reviewed
    from components.validate.schema import schema_of
    from pipeline.node_configs import schema_config

    file = experiment_file(tmp_path)
    experiment = load(str(file))
    text = text_format.MessageToString(reviewed(schema_of(schema_config(experiment))))
    assert before in text
    schema_file(file).write_text(text.replace(before, after, 1))
    with pytest.raises(UserError) as raised:
        validation_config(experiment)
    assert str(raised.value).startswith(str(schema_file(file)))
    assert says in str(raised.value)
    ran = CliRunner().invoke(main, ["run", str(file), "--home", str(tmp_path / "runs")])
    assert ran.exit_code == 2 and says in ran.output


def test_the_schema_file_can_be_named(tmp_path: Path) -> None:
    file = experiment_file(tmp_path, EXPERIMENT + "validate: {schema_file: ../shared.pbtxt}\n")
    assert load(str(file)).validation.schema_file == str(tmp_path.parent / "shared.pbtxt")


@pytest.mark.slow
def test_the_first_run_leaves_the_schema_file_once(file: Path, first: Ran) -> None:
    text = schema_file(file).read_text()
    assert text.startswith("# What the data of the experiment shop are held against")
    assert first.record.schema == (
        f"saved {schema_file(file)}: review and commit it (`rondo schema`)"
    )
    # Nothing has changed, so the contract is the same and nothing runs.
    again = run_file(file, file.parent / "runs")
    ran = {name for name, state in again.states().items() if state != "cached"}
    assert ran == {"LastData", "LastBlessed"}
    assert again.record.schema is None and schema_file(file).read_text() == text


@pytest.mark.slow
def test_what_may_stop_stops_before_transform(distant: Ran) -> None:
    assert isinstance(distant.failure, UnfitData)
    assert distant.states()["DataGate"] == "failed" and "Transform" not in distant.states()
    assert distant.record.refusals == []


@pytest.mark.slow
def test_drift_is_told_by_feature_with_rows(distant: Ran) -> None:
    found = findings(distant)
    drifted = {feature for _, feature, check in found if check == "drift"}
    assert drifted == {"price", "shop", "words", "label"}
    label = found["train", "label", "drift"]
    assert label.level == "stop" and "as in the last blessed run" in label.expected
    assert [value for _, value in label.rows] == ["second"] * 3
    assert "length 15 on average" in found["train", "words", "drift"].expected
    assert all(row.split(":")[0].endswith("rows.jsonl") for row, _ in label.rows)


@pytest.mark.slow
def test_what_the_contract_does_not_list_is_told_with_rows(file: Path, distant: Ran) -> None:
    found = findings(distant)
    data = [json.loads(line) for line in (file.parent / "rows.jsonl").read_text().splitlines()]
    for split in ("train", "validate", "test"):
        value = found[split, "shop", "new_values"]
        assert value.expected == "one of 'a', 'b', 'c'" and value.came.startswith("'d' (")
        assert [shown for _, shown in value.rows] == ["d"] * 3
        price = found[split, "price", "out_of_range"]
        assert (price.level, len(price.rows)) == ("warn", 3)
        for row, shown in price.rows:
            assert data[int(row.rpartition(":")[2]) - 1]["price"] == pytest.approx(float(shown))
        words = found[split, "words", "out_of_range"]
        assert (words.expected, words.came) == ("up to 30 values a row", "up to 40")
        assert found[split, "words", "too_long"].came.startswith("100.0%; median 40")


@pytest.mark.slow
def test_the_table_is_on_the_screen_and_says_what_to_do(file: Path, distant: Ran) -> None:
    from rich.console import Console

    from pipeline.cli.display import show_outcome

    shown = io.StringIO()
    record = dataclasses.replace(distant.record, state="failed", message=str(distant.failure))
    show_outcome(Console(file=shown, width=120), record, "log.txt", "runs")
    text = shown.getvalue()
    assert "✗  train" in text and "!  train" in text and "rows.jsonl:" in text
    # Said once, in the table.
    assert text.count("one of 'a', 'b', 'c'") == 3
    assert "rondo schema FILE --update" in " ".join(text.split())


@pytest.mark.slow
def test_the_schema_is_widened_to_data_that_are_right(file: Path, distant: Ran) -> None:
    before = schema_file(file).read_text()
    schema_file(file).write_text(before.replace('value: "a"', 'value: "a"\n    value: "e"'))
    diff = rondo_schema(file, "--diff")
    assert diff.exit_code == 1
    lines = diff.output.splitlines()
    assert "shop: values added: 'd'" in lines and "words: lengths up to 30 -> up to 80" in lines
    assert rondo_schema(file, "--update").exit_code == 0
    assert rondo_schema(file, "--diff").exit_code == 0
    assert "is there already" in rondo_schema(file, "--write").output
    shown = {line.split()[0]: line for line in rondo_schema(file).output.splitlines()}
    assert "'a', 'b', 'c', 'd' and 1 more" in shown["shop"] and "edit: domain" in shown["shop"]
    assert "statistics: range" in shown["price"]
    passed = run_file(file, file.parent / "runs", ("validate.new_values=stop",))
    assert passed.failure is None
    assert {check for _, _, check in findings(passed)} == {"drift", "too_long"}


@pytest.mark.slow
def test_data_without_a_task_are_validated_too(tmp_path: Path) -> None:
    text = EXPERIMENT.split("task:")[0] + "validate: {skew: {threshold: 0.02, on: stop}}\n"
    file = experiment_file(tmp_path, text.replace("jsonl}", "jsonl, split: SPLIT}"))
    data = [json.loads(line) for line in rows().splitlines()]
    for number, row in enumerate(data):
        row["fold"] = ("train", "train", "validate", "test")[number % 4]
        if row["fold"] == "test":
            row["price"] += 30.0
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))
    file.write_text(file.read_text().replace("SPLIT", "{by: column, column: fold}"))
    from pipeline import local_runner
    from pipeline.workspace import workspace

    experiment = load(str(file), data_alone=True)
    place = workspace(tmp_path / "runs", experiment.name)
    seen = local_runner.run(experiment, place, lambda node: None)
    assert isinstance(seen.failure, UnfitData)
    stopping = [each for each in seen.failure.findings if each.level == "stop"]
    assert [(each.split, each.feature, each.check) for each in stopping] == [
        ("test", "price", "skew")
    ]
    assert not schema_file(file).exists()
