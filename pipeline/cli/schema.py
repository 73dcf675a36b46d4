"""``rondo schema``: what an experiment's data are held against, and where each of it came from."""

import os
import sys
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    add_import_folders,
    home_option,
    plain_errors,
    set_option,
)

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

    from pipeline.experiment import Experiment


@click.command("schema")
@click.argument("file", type=click.Path(dir_okay=False))
@set_option
@home_option
@click.option(
    "--write",
    is_flag=True,
    help="Writes the schema file from the last run's statistics, where there is none.",
)
@click.option(
    "--update",
    is_flag=True,
    help="Widens the schema file to the last run's data, and to the experiment as it is now.",
)
@click.option(
    "--diff",
    is_flag=True,
    help="Shows what --update would change, and writes nothing; exits with 1 if anything.",
)
@plain_errors
def command(
    file: str, overrides: tuple[str, ...], home: str, write: bool, update: bool, diff: bool
) -> None:
    """Shows what the data of the experiment FILE are held against.

    That is its schema file, NAME.schema.pbtxt beside NAME.yaml, which the first run writes.  Each
    domain, range and length is from the statistics of a run or from a person's edit; types,
    presences and shapes are the experiment's.
    """
    from components.errors import UserError
    from pipeline import contract
    from pipeline.experiment import load

    if write + update + diff > 1:
        raise UserError("--write, --update and --diff exclude each other; give one of them")
    add_import_folders(file)
    experiment = load(file, overrides, data_alone=True)
    path = contract.path_of(experiment)
    found = contract.parsed(experiment)
    if write and found is not None:
        raise UserError(f"{path}: is there already (--update widens it; remove it to start anew)")
    if (update or diff) and found is None:
        raise UserError(f"{path}: no such file (--write writes it from the last run's statistics)")
    if write:
        _write(experiment, _completed(experiment, home))
    elif update or diff:
        _update(experiment, home, found, write=update)
    else:
        _show(experiment, contract.read(experiment))


def _completed(experiment: "Experiment", home: str) -> "schema_pb2.Schema":
    """The contract of the last run's data."""
    from components.errors import UserError
    from components.validate.contract import complete
    from components.validate.schema import schema_of
    from components.validate.statistics import read_statistics
    from pipeline import contract
    from pipeline.node_configs import schema_config
    from pipeline.nodes import STATISTICS
    from pipeline.workspace import workspace

    place = workspace(home, experiment.name)
    uri = None
    if place.metadata.exists():
        from pipeline.lineage import executions

        uri = next(
            (
                artifact.uri
                for record in executions(place.metadata).get(STATISTICS, [])
                for artifact in record.outputs.get("statistics", [])
                if record.state in ("COMPLETE", "CACHED") and os.path.isdir(artifact.uri)
            ),
            None,
        )
    if uri is None:
        raise UserError(
            f"{place.folder}: no run has counted this experiment's data yet (`rondo run FILE` "
            "does, and leaves the schema file if the data pass)"
        )
    train = read_statistics(uri, "train").datasets[0]
    schema = schema_of(schema_config(experiment))
    return complete(schema, train, contract.categories(experiment))


def _write(experiment: "Experiment", schema: "schema_pb2.Schema") -> None:
    from pipeline import contract

    path = contract.path_of(experiment)
    contract.write(path, contract.text_of(experiment, schema, of_this_data=False))
    click.echo(f"wrote {path}: review and commit it")


def _update(experiment: "Experiment", home: str, found: "schema_pb2.Schema", write: bool) -> None:
    from components.validate.agreement import differences
    from components.validate.contract import widened

    schema = widened(found, _completed(experiment, home))
    lines = differences(found, schema)
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo("the schema file has room for all of the last run's data")
    elif write:
        _write(experiment, schema)
    else:
        sys.exit(1)


def _show(experiment: "Experiment", found: "schema_pb2.Schema | None") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from components.validate.agreement import COMPLETED, STATED
    from components.validate.contract import reviewed, sources
    from components.validate.schema import schema_of
    from pipeline import contract
    from pipeline.node_configs import schema_config

    schema = found or reviewed(schema_of(schema_config(experiment)))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("feature", *STATED, *COMPLETED, "from"):
        table.add_column(column, overflow="fold")
    for feature in schema.feature:
        said = [text(feature) for text in (STATED | COMPLETED).values()]
        origins: dict[str, list[str]] = {"experiment": list(STATED)}
        for aspect, origin in sources(feature):
            origins.setdefault(origin, []).append(aspect)
        came = "; ".join(f"{origin}: {', '.join(what)}" for origin, what in origins.items())
        table.add_row(*map(escape, (feature.name, *said, came)))
    console = Console(highlight=False, emoji=False)
    console.print(table)
    path = contract.path_of(experiment)
    if found is None:
        click.echo(f"{path}: not there yet; the first run whose data pass completes and writes it")
    else:
        click.echo(f"from {path}")
