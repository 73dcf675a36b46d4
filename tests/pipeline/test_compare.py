"""The network beside its baselines: the Evaluator's own numbers, kept until something changes."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from support import Ran

from pipeline.cli.compare import _is_file, comparison_table
from pipeline.comparable import check_comparable
from pipeline.workspace import WorkspaceError


def named(**fields) -> SimpleNamespace:
    return SimpleNamespace(**fields)


def test_a_task_without_baselines_is_refused_with_a_reason() -> None:
    features = {"strand": named(kind="lab.bases")}
    experiment = named(name="strands", task=named(kind="lab.regress"), features=features)
    with pytest.raises(WorkspaceError, match=r"; this is task lab\.regress"):
        check_comparable(experiment)


def test_a_file_is_told_from_a_name(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "order").mkdir()
    assert not _is_file("order")
    assert _is_file("order.yaml") and _is_file("folder/order")
    (tmp_path / "plain").touch()
    assert _is_file("plain")


def test_the_table_shows_what_there_is() -> None:
    rows = [
        named(model="a [/x]", metrics={"accuracy": 0.25}, parameters=None, seconds=None, kept=True),
        named(model="no", metrics={}, parameters=None, seconds=None, kept=False),
        named(model="net", metrics={"accuracy": 1}, parameters=1234567, seconds=2.0, kept=False),
    ]
    console = Console(file=io.StringIO(), width=100)
    console.print(comparison_table(rows))
    head, first, none, second = console.file.getvalue().splitlines()
    assert head.split() == ["test", "split", "accuracy", "parameters", "seconds"]
    assert first.split() == ["a", "[/x]", "0.2500", "-", "-", "="]
    assert none.split() == ["no", "-", "-", "-"]
    assert second.split() == ["net", "1.0000", "1,234,567", "2.0"]


def test_many_metrics_stand_below_each_other() -> None:
    many = {f"m{place}": place / 8 for place in range(9)}
    rows = [
        named(model="a", metrics={}, parameters=None, seconds=None, kept=False),
        named(model="net", metrics=many, parameters=1234567, seconds=2.0, kept=True),
    ]
    console = Console(file=io.StringIO(), width=100)
    console.print(comparison_table(rows))
    head, *lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert head == ["test", "split", "a", "net", "="]
    assert lines[:2] == [["m0", "-", "0.0000"], ["m1", "-", "0.1250"]] and len(lines) == 11
    assert lines[-2:] == [["parameters", "-", "1,234,567"], ["seconds", "-", "2.0"]]


@pytest.mark.slow
def test_baselines_have_the_evaluators_numbers_and_are_kept(first_run: Ran) -> None:
    from pipeline.compare import KEPT, TABLE, compare

    run = first_run.place.history / first_run.record.run
    (first_run.place.folder / KEPT).unlink(missing_ok=True)
    told: list[tuple[str, str]] = []
    made = compare(
        *(first_run.experiment, first_run.place, first_run.record),
        lambda model, far: told.append((model, far)),
    )
    table = {row.model: row for row in made}
    assert list(table) == [
        "majority label",
        "TF-IDF + logistic regression",
        "gradient-boosted trees",
        "bag of embeddings",
        "this network (lstm)",
    ]
    assert not any(row.kept for row in made)
    verdict = first_run.record.verdict
    assert verdict is not None
    for name in ("accuracy", "log_loss"):
        trivial = verdict["metrics"][f"{name}_baseline"]
        assert table["majority label"].metrics[name] == pytest.approx(trivial, rel=1e-6)
        assert table["this network (lstm)"].metrics[name] == verdict["metrics"][name]
    # No bag knows the order of words; pairs of neighbours know it sometimes.
    assert all(row.metrics["accuracy"] < 0.9 for row in made[:-1])
    # An LSTM of 16 units on embeddings of 16 has 4 * 16 * (16 + 16 + 1) numbers more than a bag.
    bag, network = made[3].parameters, made[4].parameters
    assert bag is not None and network == bag + 4 * 16 * 33
    epochs = [far for model, far in told if model == "bag of embeddings" and "val_loss" in far]
    assert 1 <= len(epochs) <= 12 and epochs[0].startswith("epoch 1/12")
    written = json.loads((run / TABLE).read_text())
    assert [row["model"] for row in written["rows"]] == list(table)
    # Nothing changed: all is kept; one was lost: it alone is made again.
    file = first_run.place.folder / KEPT
    kept = json.loads(file.read_text())
    kept["majority label"]["key"] = "of other examples"
    file.write_text(json.dumps(kept))
    again = compare(first_run.experiment, first_run.place, first_run.record)
    assert [row.kept for row in again] == [False, True, True, True, False]
    assert [row.metrics for row in again] == [row.metrics for row in made]
    assert not any((first_run.place.folder / "baselines").glob("*"))
