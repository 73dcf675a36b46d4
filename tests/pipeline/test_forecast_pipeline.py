"""A forecast from a table to what is served: the Evaluator's numbers are the formulas'."""

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from support import Ran, run_file

from pipeline.cli.backtest import backtest_table
from pipeline.origins import Band, bands_of
from pipeline.workspace import WorkspaceError

CONTEXT, HORIZON, SEASON = 12, 3, 4
EXPERIMENT = """\
name: waves
data:
  path: waves.csv
  format: timeseries
  layout: wide
  timestamps: step
  known: [open]
  context: 12
  horizon: 3
  season: 4
  naive2: true
  time: target_time
  split: {by: time, gap: 3}
features:
  context: {kind: series, depth: 2, scale: none}
  open: {kind: tokens}
task: {kind: forecast, horizon: 3, known: [open], scale: standard, residual: seasonal, season: 4,
  head: gaussian, seasonal_error: seasonal_error, naive2: naive2, steps: [2], metric: rmse}
network: {cell: gru, units: 8, embedding_size: 4}
training: {epochs: 12, learning_rate: 0.03, early_stopping: null}
"""


def waves() -> tuple[np.ndarray, list[str]]:
    """Two channels with a season, higher on steps that are open, which only the calendar says."""
    random = np.random.default_rng(0)
    steps = np.arange(400)
    is_open = random.random(400) < 0.5
    season = np.stack([np.sin(np.pi * steps / 2), 10 * np.cos(np.pi * steps / 2)], axis=1)
    values = season + [20.0, 300.0] + is_open[:, None] * [4.0, 40.0]
    return values + random.normal(size=values.shape) * [0.1, 1.0], np.where(
        is_open, "y", "n"
    ).tolist()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("waves")
    values, is_open = waves()
    lines = [f"{t},{a:.5f},{b:.5f},{is_open[t]}" for t, (a, b) in enumerate(values)]
    (folder / "waves.csv").write_text("\n".join(["step,a,b,open", *lines]) + "\n")
    (folder / "waves.yaml").write_text(EXPERIMENT)
    return run_file(folder / "waves.yaml", folder / "home")


def test_bands_have_about_as_many_windows() -> None:
    assert bands_of([5, 6, 7, 8], 2) == [(5, 6), (7, 8)]
    assert bands_of([3, 3, 3, 3, 9, 9], 3) == [(3, 3), (9, 9)]
    assert bands_of([4], 10) == [(4, 4)]
    found = bands_of(list(range(103)), 10)
    assert len(found) == 10 and found[0][0] == 0 and found[-1][1] == 102
    assert {last - first for first, last in found} <= {9, 10, 11}


def test_the_table_says_where_the_network_was_better() -> None:
    bands = [
        Band(5, 5, 3, {"mae": 1.0}, {"mae": 2.5}),
        Band(6, 9, 1200, {"mae": 3.0}, {"mae": 2.0}),
    ]
    console = Console(file=io.StringIO(), width=100)
    task = SimpleNamespace(higher_is_better={"mae": False})
    console.print(backtest_table(task, bands, "mae"))
    head, *lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert head == ["origins", "windows", "mae", "trivial", "baseline", "gain"]
    assert lines[0] == ["5", "3", "1.0000", "2.5000", "+1.5000"]
    assert lines[1] == ["6", "to", "9", "1,200", "3.0000", "2.0000", "-1.0000"]


@pytest.mark.slow
def test_the_release_judges_by_the_formulas(ran: Ran) -> None:
    assert ran.failure is None
    verdict = ran.record.verdict
    assert verdict is not None and verdict["blessed"], verdict["rules"]
    metrics = verdict["metrics"]
    values = waves()[0].astype(np.float32).astype(np.float64)
    first = 400 - int(metrics["rows"]) - HORIZON + 1
    origins = range(first, 400 - HORIZON + 1)
    truth = np.stack([values[t : t + HORIZON] for t in origins])
    naive = np.stack([values[t - SEASON : t - SEASON + HORIZON] for t in origins])
    error = np.abs(truth - naive)
    assert metrics["mae_baseline"] == pytest.approx(error.mean(), rel=1e-4)
    assert metrics["rmse_2_baseline"] == pytest.approx(np.sqrt((error[:, 1] ** 2).mean()), rel=1e-4)
    seasonal = [
        np.abs(values[SEASON:t] - values[: t - SEASON]).mean(axis=0) for t in range(first, 398)
    ]
    mase = (error.mean(axis=1) / np.array(seasonal)).mean()
    assert metrics["mase_baseline"] == pytest.approx(mase, rel=1e-3)
    # The calendar is worth most of the error.
    assert metrics["mae"] < 0.5 * metrics["mae_baseline"]
    assert 0.5 < metrics["coverage"] <= 1.0


@pytest.mark.slow
def test_what_is_served_is_in_original_units(ran: Ran) -> None:
    import tensorflow as tf

    model = tf.saved_model.load(ran.record.model)
    values, is_open = waves()
    sent: dict[str, Any] = {
        "context": tf.constant(values[None, 380:392], tf.float32),
        "context_length": [12],
        "open": [is_open[380:395]],
        "open_length": [15],
    }
    served = model.signatures["serving_default"](**{k: tf.constant(v) for k, v in sent.items()})
    assert set(served) == {"forecast", "quantiles", "lower", "upper", "levels"}
    assert served["forecast"].shape == (1, HORIZON, 2)
    assert served["quantiles"].shape == (1, HORIZON, 2, 3)
    away = np.abs(served["forecast"][0] - values[392:395])
    assert (away < [3.0, 30.0]).all()
    short = sent | {"open": [is_open[380:394]], "open_length": [14]}
    with pytest.raises(tf.errors.InvalidArgumentError, match="open_length"):
        model.signatures["serving_default"](**{k: tf.constant(v) for k, v in short.items()})


@pytest.mark.slow
def test_a_backtest_sums_to_the_release(ran: Ran) -> None:
    from pipeline.backtest import TABLE, backtest

    (all_of_them,) = backtest(ran.experiment, ran.place, ran.record, 1)
    metrics = ran.record.verdict["metrics"]
    for name in ran.experiment.task.metric_names:
        assert all_of_them.metrics[name] == pytest.approx(metrics[name], rel=1e-3), name
        assert all_of_them.baseline[name] == pytest.approx(metrics[f"{name}_baseline"], rel=1e-3)
    bands = backtest(ran.experiment, ran.place, ran.record, 4)
    assert len(bands) == 4 and sum(band.windows for band in bands) == metrics["rows"]
    assert (bands[0].first, bands[-1].last) == (all_of_them.first, 400 - HORIZON)
    assert (ran.place.history / ran.record.run / TABLE).exists()
    other = ran.experiment.model_copy(
        update={"data": ran.experiment.data.model_copy(update={"format": "jsonl"})}
    )
    with pytest.raises(WorkspaceError, match="this is task forecast with features of kind series"):
        backtest(other, ran.place, ran.record, 1)


@pytest.mark.slow
def test_its_baselines_are_judged_alike(ran: Ran) -> None:
    from pipeline.compare import compare

    table = {row.model: row for row in compare(ran.experiment, ran.place, ran.record)}
    assert list(table) == [
        "persistence",
        "drift",
        "seasonal naive",
        "ridge regression",
        "gradient-boosted trees",
        "this network (gru)",
    ]
    trivial = ran.record.verdict["metrics"]
    for name in ran.experiment.task.metric_names:
        expected = pytest.approx(trivial[f"{name}_baseline"], rel=1e-3)
        assert table["seasonal naive"].metrics[name] == expected, name
    assert table["this network (gru)"].metrics["mae"] < table["ridge regression"].metrics["mae"]
