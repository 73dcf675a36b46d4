"""``rondo init``: a first experiment."""

import importlib.resources
from pathlib import Path

import click

from pipeline.cli.common import plain_errors

SAMPLE_ROWS = 1200


@click.command("init")
@click.argument("name")
@click.option(
    "--folder",
    default=".",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Where to write it.",
)
@plain_errors
def command(name: str, folder: str) -> None:
    """Writes NAME.yaml, a commented experiment, and a sample of data that it runs on."""
    from pipeline.corpora.word_order import json_lines
    from pipeline.experiment import NAME, ExperimentError

    if not NAME.fullmatch(name):
        raise ExperimentError(
            f"{name!r}: a name starts with a letter and holds letters, digits, - and _"
        )
    files = {
        Path(folder) / f"{name}.yaml": (
            importlib.resources.files("pipeline.cli")
            .joinpath("templates/experiment.yaml")
            .read_text(encoding="utf-8")
            .format(name=name)
        ),
        Path(folder) / f"{name}-sample.jsonl": json_lines(SAMPLE_ROWS),
    }
    for path in files:
        if path.exists():
            raise ExperimentError(f"{path}: exists already; choose another name or remove it")
    Path(folder).mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        path.write_text(content, encoding="utf-8")
        click.echo(f"wrote {path}")
    click.echo(f"next: rondo run {next(iter(files))}")
