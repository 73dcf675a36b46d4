"""``rondo backtest``: a forecast's test windows by the step that they begin at."""

import os
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import home_option, plain_errors, screen_and_log

if TYPE_CHECKING:
    from rich.table import Table

    from models.options import TaskOptions
    from pipeline.origins import Band


@click.command("backtest")
@click.argument("name")
@click.option(
    "--bands",
    default=10,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Bands of origins that are judged together, with about as many windows each.",
)
@click.option("--metric", metavar="NAME", help="In place of the one that the release compares.")
@home_option
@plain_errors
def command(name: str, bands: int, metric: str | None, home: str) -> None:
    """Judges the forecasts of NAME's last judged run over rolling origins, in the test split.

    An origin is the step of a series at which a forecast begins, counted from 0.  All metrics of
    all bands are written to the run's folder.
    """
    from pipeline.cli.latest import latest_judged
    from pipeline.workspace import WorkspaceError

    experiment, place, record = latest_judged(name, home)
    task = experiment.task
    metric = task.release_metric if metric is None else metric
    if metric not in task.metric_names:
        raise WorkspaceError(
            f"--metric {metric}: {name} has none of that name; it has "
            f"{', '.join(task.metric_names)}"
        )
    with screen_and_log(place.history / record.run / "backtest.txt") as console:
        with console.status("judging the test windows"):
            from pipeline.backtest import TABLE, backtest

            found = backtest(experiment, place, record, bands)
        console.print(backtest_table(task, found, metric))
        file = os.path.relpath(place.history / record.run / TABLE)
        console.print(f"table  {file}", markup=False, soft_wrap=True)


def backtest_table(task: "TaskOptions", bands: "list[Band]", metric: str) -> "Table":
    """A line a band: its origins, how many windows, and the metric of both."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("origins", "windows", metric, "trivial baseline", "gain"):
        table.add_column(column, justify="left" if column == "origins" else "right")
    direction = 1.0 if task.higher_is_better[metric] else -1.0
    for band in bands:
        ours, trivial = band.metrics[metric], band.baseline[metric]
        gain = direction * (ours - trivial)
        table.add_row(
            str(band.first) if band.first == band.last else f"{band.first} to {band.last}",
            f"{band.windows:,}",
            f"{ours:.4f}",
            f"{trivial:.4f}",
            Text(f"{gain:+.4f}", "green" if gain > 0 else "red"),
        )
    return table
