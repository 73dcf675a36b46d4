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
    """
    status, record = run_experiment(file, overrides, home, only_tune=True)
    if record.state == "tuned":
        _offer(file, record, write)
    sys.exit(status)


def _offer(file: str, record: "RunRecord", write: bool) -> None:
    from components.tune.results import DEFAULT, SearchResult
    from models.search_space import searched_fields
    from pipeline.experiment import load
    from pipeline.write_back import write_values

    search = SearchResult.from_dict(record.search or {})
    best = search.completed[0]
    own = search.default.values if search.default else {}
    fields = set(searched_fields())
    values = {
        name: value
        for name, value in best.values.items()
        if name in fields and own.get(name) != value
    }
    if best.trial == DEFAULT or not values:
        return
    if not write and sys.stdin.isatty():
        write = click.confirm(f"write the best values into {os.path.relpath(file)}?")
    if not write:
        click.echo("to write the best values into the file: the same command with --write")
        return
    changed = values if load(file).tune is None else {**values, "tune.in_run": False}
    for line in write_values(file, changed):
        click.echo(line)
