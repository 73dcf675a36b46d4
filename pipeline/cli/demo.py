"""``rondo demo``: the whole way, on real text that needs no download."""

import sys
from pathlib import Path

import click

from pipeline.cli.common import home_option, plain_errors, screen_and_log
from pipeline.cli.run import EXIT_STATUS, execute

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

    loaded = load(experiment)
    build_docstrings(Path(loaded.data.path))
    state = execute(experiment, (), home)
    if state in ("blessed", "refused"):
        _show(loaded.name, home)
    sys.exit(EXIT_STATUS[state])


def _show(name: str, home: str) -> None:
    from pipeline.cli.compare import show_comparison
    from pipeline.cli.explain import show_explanations
    from pipeline.cli.latest import latest_judged

    experiment, place, record = latest_judged(name, home)
    with screen_and_log(place.history / record.run / "demo.txt") as console:
        console.print()
        show_comparison(console, experiment, place, record)
        console.print("\n[bold]what decided[/] [dim](share of what spoke for or against)[/]")
        show_explanations(console, experiment, record, rows=4)
        console.print(f"\nmodel  {record.model}", soft_wrap=True)
        console.print(f"serve  rondo serve {name}", soft_wrap=True)
