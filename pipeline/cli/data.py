"""``rondo data``: data sets that need no download."""

from pathlib import Path

import click

from pipeline.cli.common import plain_errors

DOCSTRINGS = "data/docstrings.jsonl"


@click.group("data")
def command() -> None:
    """Builds data sets that need no download."""


@command.command("docstrings")
@click.option(
    "--output",
    default=DOCSTRINGS,
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the corpus (JSON Lines).",
)
@click.option("--force", is_flag=True, help="Builds it even if an up-to-date one is there.")
@plain_errors
def docstrings(output: Path, force: bool) -> None:
    """Prose sentences from the docstrings of the installed libraries, the library as the label.

    Names and code that give the answer away are removed, duplicates too, and every library has
    the same number of sentences.  The same installed versions give the same file.
    """
    build_docstrings(output, force)


def build_docstrings(output: Path, force: bool = False) -> None:
    """Builds the corpus with a progress bar and says what came of it."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from pipeline.corpora.docstrings import build

    console = Console(highlight=False, emoji=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("reading docstrings", total=None)
        report = build(
            output,
            force=force,
            progress=lambda done, total, what: progress.update(
                task, completed=done, total=total, description=escape(what)
            ),
        )
    what = f"built in {report.seconds:.0f} s" if report.built else "up to date"
    libraries = ", ".join(sorted(report.per_library))
    console.print(
        escape(f"{output}: {report.rows} sentences ({what}) of {libraries}"), soft_wrap=True
    )
    for skipped in report.skipped:
        console.print(f"[yellow]note:[/] {escape(skipped)}")
