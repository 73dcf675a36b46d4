"""The ready experiments: each loads, fits a screen, and says where its data come from."""

from collections import Counter
from pathlib import Path

import pytest

from components.ingest.assign import cuts_of
from components.ingest.splits import SplitByTime
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


def test_exchange_rates_are_cut_where_those_who_published_them_cut() -> None:
    experiment = load(str(FOLDER / "exchange_rate.yaml"), data_alone=True)
    data, days = experiment.data, 7588
    assert isinstance(data.split, SplitByTime)
    cuts = cuts_of((), data.split)
    # 60, 20 and 20 percent of the days, whatever windows are cut of them.
    assert (cuts.validate, cuts.test) == (int(0.6 * days), int(0.8 * days))
    # A window's time is the first of the days that it forecasts, counted from 0.
    windows = range(data.context, days - data.horizon + 1)
    found = Counter(cuts.split_of(time, data.split.gap_size) for time in windows)
    assert found == {"train": 4360, "validate": 1494, "test": 1495, None: 48}


def test_a_model_of_exchange_rates_has_to_win_at_each_step() -> None:
    experiment = load(str(FOLDER / "exchange_rate.yaml"), data_alone=True)
    task = experiment.task
    asked = {f"{name}_{step}" for name in ("rse", "corr") for step in task.steps}
    assert set(experiment.release.thresholds) == asked and task.steps == (3, 6, 12, 24)
