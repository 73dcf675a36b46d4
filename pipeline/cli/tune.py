"""``rondo tune``: searches for better network and training options."""

import os
import sys
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import home_option, plain_errors, set_option
from pipeline.cli.run import run_experiment

if TYPE_CHECKING:
    from pipeline.runs import RunRecord


@click.command("tune")
@click.argument("file", type=click.Path(dir_okay=False))
@set_option
@home_option
@click.option(
    "--write",
    is_flag=True,
    help="Writes the best values into FILE, and tune.in_run: false, without asking.",
)
@plain_errors
def command(file: str, overrides: tuple[str, ...], home: str, write: bool) -> None:
    """Searches for better network and training options of the experiment FILE.

    How is said by `tune:` in the file; without it, the units, the dropout and the learning rate
    are searched for, in 10 random trials.  Ingest to Transform are run or taken from before.
    After Ctrl-C or a kill the same command goes on at the trials that it was in.

    The best values are written into FILE on request: with --write, or by answering yes at the
    end.  A later `rondo run` of an unchanged file that states `tune:` takes the search from here.

    Exits with 0 if the search found something, 1 if a node failed, 2 if the file or the data cannot
    be used, 130 after Ctrl-C.
    """
    status, record = run_experiment(file, overrides, home, only_tune=True)
    if record.state == "tuned":
        _offer(file, record, write)
    sys.exit(status)


def _offer(file: str, record: "RunRecord", write: bool) -> None:
    """Writes the best values into the file, if that is wanted, or says why there is nothing to."""
    from components.tune.results import DEFAULT, SearchResult
    from models.search_space import own_values, searched_fields
    from pipeline.experiment import load
    from pipeline.write_back import write_values

    best = SearchResult.from_dict(record.search or {}).completed[0]
    if best.trial == DEFAULT:
        click.echo("nothing to write: no trial is better than the experiment's own values")
        return
    unwritable = sorted(set(best.values) - set(searched_fields()))
    if unwritable:
        click.echo(
            f"nothing is written: {', '.join(unwritable)} belong to network.build_model, which is "
            "given them by a search (`rondo run` of a file that states `tune:` takes this one)"
        )
        return
    stated = load(file)
    own = own_values(stated.network, stated.training, best.values)
    values = {name: value for name, value in best.values.items() if own[name] != value}
    if not values:
        click.echo(f"nothing to write: {file} states the best values already")
        return
    if not write and sys.stdin.isatty():
        try:
            write = click.confirm(f"write the best values into {os.path.relpath(file)}?")
        except click.Abort:
            click.echo()
    if not write:
        click.echo("to write the best values into the file: the same command with --write")
        return
    changed = values if stated.tune is None else {**values, "tune.in_run": False}
    for line in write_values(file, changed):
        click.echo(line)
