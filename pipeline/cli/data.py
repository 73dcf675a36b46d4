"""``rondo data``: data sets by name, fetched from their homes or made here."""

import contextlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import plain_errors

if TYPE_CHECKING:
    from pipeline.corpora.spec import DataSet, DownloadedSet, GeneratedSet, Progress


@click.group("data")
def command() -> None:
    """Data sets by name, each with a ready experiment."""


@command.command("list")
@plain_errors
def list_() -> None:
    """Lists the data sets: what they are for, how large, under which licence, and where from."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from pipeline.corpora.registry import named, names
    from pipeline.corpora.spec import DownloadedSet

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("name", "task", "size", "licence", "source", ""):
        table.add_column(column, overflow="fold")
    for name in names():
        dataset = named(name)
        how = "downloaded" if isinstance(dataset, DownloadedSet) else "made here"
        row = (name, dataset.task, dataset.size, dataset.licence, dataset.home, how)
        table.add_row(*map(escape, row))
    Console(highlight=False, emoji=False).print(table)
    click.echo("\nrondo data get NAME brings one here")


@command.command("get")
@click.argument("name")
@click.option(
    "--from",
    "source",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Takes the files from a local copy instead of fetching them.",
)
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where to put it.  [default: data/NAME, where the ready experiment looks]",
)
@click.option(
    "--cache",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where fetched files are kept.  [default: $XDG_CACHE_HOME/rondo or ~/.cache/rondo]",
)
@click.option(
    "--accept-licence",
    "--yes",
    "accepted",
    is_flag=True,
    help="Accepts the licence without being asked.",
)
@click.option("--force", is_flag=True, help="Writes over what lies in the folder.")
@click.option("--rows", type=click.IntRange(min=1), help="Rows of a data set that is made here.")
@click.option("--length", type=click.IntRange(min=2), help="Steps of its longest sequences.")
@click.option("--seed", type=click.IntRange(min=0), help="Another seed, other rows.")
@plain_errors
def get(
    name: str,
    source: Path | None,
    output: Path | None,
    cache: Path | None,
    accepted: bool,
    force: bool,
    rows: int | None,
    length: int | None,
    seed: int | None,
) -> None:
    """Brings the data set NAME here, in the form that its ready experiment reads.

    Licence and citation are shown first.  What was cut short goes on where it ended, checksums are
    those that somebody published, and what is there already is left alone.
    """
    from pipeline.corpora import registry
    from pipeline.corpora.spec import BuiltSet, GeneratedSet

    dataset = registry.named(name)
    given = {"rows": rows, "length": length, "seed": seed}
    chosen = {option: value for option, value in given.items() if value is not None}
    _check_options(dataset, chosen, source)
    folder = output or Path(dataset.folder)
    if isinstance(dataset, BuiltSet):
        build_docstrings(folder / dataset.file, force)
    elif isinstance(dataset, GeneratedSet):
        _generate(dataset, {**dataset.options, **chosen}, folder, force)
    else:
        _download(dataset, folder, cache, source, accepted, force)
    click.echo(f"next: {_next_command(dataset, folder)}")


def build_docstrings(output: Path, force: bool = False) -> None:
    """Builds the corpus with a progress bar and says what came of it."""
    from rich.console import Console
    from rich.markup import escape

    from pipeline.corpora.sets.docstrings import SET

    console = Console(highlight=False, emoji=False)
    with _progress("reading docstrings") as progress:
        report = SET.build(output, force=force, progress=progress)
    what = f"built in {report.seconds:.0f} s" if report.built else "up to date"
    libraries = ", ".join(sorted(report.per_library))
    console.print(
        escape(f"{output}: {report.rows} sentences ({what}) of {libraries}"), soft_wrap=True
    )
    for skipped in report.skipped:
        console.print(f"[yellow]note:[/] {escape(skipped)}")


def _check_options(dataset: "DataSet", chosen: dict[str, int], source: Path | None) -> None:
    """Refuses options that the data set does not have."""
    from components.errors import UserError
    from pipeline.corpora.spec import DownloadedSet, GeneratedSet

    allowed = ["from"] if isinstance(dataset, DownloadedSet) else []
    allowed += dataset.options if isinstance(dataset, GeneratedSet) else []
    given = [*chosen, *(["from"] if source is not None else [])]
    unknown = ", ".join(f"--{option}" for option in given if option not in allowed)
    if unknown:
        has = ", ".join(f"--{option}" for option in allowed) or "none of these"
        raise UserError(f"{dataset.name}: {unknown} came, which is not for this set (it has {has})")


def _generate(dataset: "GeneratedSet", options: dict[str, int], folder: Path, force: bool) -> None:
    from pipeline.corpora.get import check_place, generate_into, is_there

    shown = ", ".join(f"{option} {value}" for option, value in options.items())
    if not force and is_there(dataset, options, folder):
        click.echo(f"{folder}: up to date ({shown})")
        return
    check_place(dataset.name, folder, force)
    with _progress(f"making {dataset.name}") as progress:
        lines = generate_into(dataset, options, folder, progress)
    click.echo(f"{folder}: {dataset.what} ({shown})")
    for line in lines:
        click.echo(f"  {line}")


def _download(
    dataset: "DownloadedSet",
    folder: Path,
    cache: Path | None,
    source: Path | None,
    accepted: bool,
    force: bool,
) -> None:
    from pipeline.corpora.download import default_cache
    from pipeline.corpora.get import check_place, download_into, is_there

    if not force and is_there(dataset, {}, folder):
        click.echo(f"{folder}: up to date")
        return
    check_place(dataset.name, folder, force)
    _ask(dataset, accepted)
    with _progress(f"fetching {dataset.name}", sizes=True) as progress:
        download_into(
            dataset, folder, cache=cache or default_cache(), source=source, progress=progress
        )
    click.echo(f"{folder}: {dataset.what} ({dataset.size})")


def _ask(dataset: "DownloadedSet", accepted: bool) -> None:
    """Shows licence and citation, and goes on only if they are accepted."""
    from components.errors import UserError

    published = sorted(
        {f"{file.checksum.algorithm}, {file.checksum.source}" for file in dataset.files}
    )
    for label, text in (
        (dataset.name, f"{dataset.what} ({dataset.size})"),
        ("home", dataset.home),
        ("licence", dataset.licence),
        ("cite", dataset.citation),
        ("checksums", "; ".join(published)),
    ):
        click.echo(f"{label:15} {text}")
    if accepted:
        return
    if not _somebody_is_here():
        raise UserError(
            f"{dataset.name}: nobody is here to be asked; --accept-licence accepts what is above"
        )
    if not click.confirm("accept and go on?"):
        raise UserError(f"{dataset.name}: not accepted, nothing was fetched")


def _somebody_is_here() -> bool:
    return sys.stdin.isatty()


def _next_command(dataset: "DataSet", folder: Path) -> str:
    """The command that runs the ready experiment on what was brought."""
    if folder == Path(dataset.folder):
        return f"rondo run {dataset.experiment}"
    path = shlex.quote(str(folder / dataset.file))
    return f"rondo run {dataset.experiment} --set data.path={path}"


@contextlib.contextmanager
def _progress(first: str, sizes: bool = False) -> Iterator["Progress"]:
    """A progress bar, and what moves it; ``sizes`` says that it counts bytes."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TransferSpeedColumn,
    )

    bytes_ = (DownloadColumn(), TransferSpeedColumn()) if sizes else ()
    columns = (TextColumn("{task.description}"), BarColumn(), *bytes_, TimeElapsedColumn())
    console = Console(highlight=False, emoji=False)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(first, total=None)

        def advance(done: int, total: int | None, what: str) -> None:
            bar.update(task, completed=done, total=total, description=escape(what))

        yield advance
