"""``rondo demo``: the whole way, on real text that needs no download."""

import sys
from pathlib import Path

import click

from pipeline.cli.common import (
    EXIT_REFUSED,
    add_import_folders,
    home_option,
    plain_errors,
    screen_and_log,
    serve_command,
)
from pipeline.cli.run import execute

EXPERIMENT = "experiments/docstrings.yaml"


@click.command("demo")
@click.option(
    "--experiment",
    default=EXPERIMENT,
    show_default=True,
    type=click.Path(exists=True, dir_okay=False),
    help="The experiment on the docstrings corpus.",
)
@home_option
@plain_errors
def command(experiment: str, home: str) -> None:
    """Builds the docstrings corpus, runs the pipeline on it, and shows what it learnt."""
    from pipeline.cli.data import build_docstrings
    from pipeline.experiment import load

    add_import_folders(experiment)
    loaded = load(experiment)
    build_docstrings(Path(loaded.data.path))
    status = execute(experiment, (), home)
    if status in (0, EXIT_REFUSED):
        _show(loaded.name, home)
    sys.exit(status)


def _show(name: str, home: str) -> None:
    from rich.markup import escape

    from pipeline.cli.compare import show_comparison
    from pipeline.cli.explain import show_explanations
    from pipeline.cli.latest import latest_judged

    experiment, place, record = latest_judged(name, home)
    with screen_and_log(place.history / record.run / "demo.txt") as console:
        console.print()
        show_comparison(console, experiment, place, record)
        console.print("\n[bold]what decided[/] [dim](share of what spoke for or against)[/]")
        show_explanations(console, experiment, record, rows=4)
        if record.model:
            console.print(f"\nmodel  {escape(record.model)}", soft_wrap=True)
            console.print(f"serve  {escape(serve_command(name, home))}", soft_wrap=True)
