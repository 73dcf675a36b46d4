"""The ready experiments: each loads, fits a screen, and says where its data come from."""

from pathlib import Path

import pytest

from pipeline.experiment import load

FOLDER = Path(__file__).parents[2] / "experiments"
SCREEN = 50


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_ready_experiment_loads_and_says_where_its_data_come_from(path: Path) -> None:
    experiment = load(str(path), data_alone=True)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert experiment.name == path.stem
    assert len(lines) <= SCREEN and max(map(len, lines)) <= 100
    head = "\n".join(line for line in lines[:8] if line.startswith("#"))
    assert f"rondo run experiments/{path.name}" in head or "rondo data" in head
    if "FOLDER" in head:
        assert f"rondo run experiments/{path.name} --set data.path=FOLDER" in head
        assert "https://" in head or "github.com/" in head
