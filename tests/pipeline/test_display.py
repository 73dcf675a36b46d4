"""What a run's end looks like, whatever its names and messages hold."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from pipeline.cli import demo
from pipeline.cli.display import show_outcome
from pipeline.runs import RunRecord

NASTY = "/a[/x]/[Errno 2]/:100:"


def shown(home: str = "runs", **fields) -> str:
    record = RunRecord("r", "order", "f.yaml", [], {}, **fields)
    console = Console(file=io.StringIO(), highlight=False, emoji=False, width=200)
    show_outcome(console, record, NASTY, home)
    return console.file.getvalue()


def verdict(**fields) -> dict:
    rules = [{"rule": "thresholds.[/x]", "passed": False, "says": NASTY}]
    return {"metrics": {}, "last_blessed": None, "skipped": NASTY, "rules": rules} | fields


def test_names_and_messages_are_not_markup() -> None:
    text = shown(state="refused", model=NASTY, warnings=[NASTY], verdict=verdict())
    assert text.count(NASTY) == 5 and "release.thresholds.[/x]: " in text
    assert shown(state="failed", message=NASTY).count(NASTY) == 2


@pytest.mark.parametrize("state", ["blessed", "refused", "failed", "interrupted"])
def test_up_to_date_is_said_of_whole_runs_only(state: str) -> None:
    text = shown(state=state, model="/m")
    assert ("every node was up to date" in text) == (state in ("blessed", "refused"))


def test_what_is_served_is_said() -> None:
    assert "next   rondo serve order\n" in shown(state="blessed", model="/m")
    assert "rondo serve order --home '/a b'\n" in shown("/a b", state="blessed", model="/m")
    restored = shown(state="blessed", model="/m", restored=True)
    assert "restored the released model, which was gone" in restored
    gone = shown(state="blessed")
    assert "are gone" in gone and "rondo serve" not in gone


@pytest.mark.parametrize("model", [None, NASTY])
def test_demo_serves_what_there_is(tmp_path: Path, capfd, monkeypatch, model) -> None:
    from pipeline.workspace import workspace

    place = workspace(tmp_path, "order")
    (place.history / "r").mkdir(parents=True)
    record = RunRecord("r", "order", "f.yaml", [], {}, model=model)
    monkeypatch.setattr("pipeline.cli.latest.latest_judged", lambda *_: (None, place, record))
    monkeypatch.setattr("pipeline.cli.compare.show_comparison", lambda *_: None)
    monkeypatch.setattr("pipeline.cli.explain.show_explanations", lambda *_, rows: None)
    demo._show("order", str(tmp_path))
    text = capfd.readouterr().out
    assert (f"model  {NASTY}" in text) == (model is not None)
    assert (f"rondo serve order --home {tmp_path}" in text) == (model is not None)
    assert "None" not in text


def test_corpus_report_names_any_file(tmp_path: Path, monkeypatch) -> None:
    from types import SimpleNamespace

    from pipeline.cli.main import main

    report = SimpleNamespace(built=False, seconds=0, per_library={"a": 1}, rows=1, skipped=[NASTY])
    monkeypatch.setattr("pipeline.corpora.docstrings.build", lambda *_, **__: report)
    done = CliRunner().invoke(main, ["data", "get", "docstrings", "--output", f"{tmp_path}/[/x]"])
    assert done.exit_code == 0, json.dumps(done.output)
    assert "/[/x]/docstrings.jsonl: 1 sentences" in done.output and NASTY in done.output
