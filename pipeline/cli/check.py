"""``rondo check``: the experiment file and its data's head, before anything runs."""

import click

from pipeline.cli.common import add_import_folders, plain_errors, set_option


@click.command("check")
@click.argument("file", type=click.Path(dir_okay=False))
@set_option
@plain_errors
def command(file: str, overrides: tuple[str, ...]) -> None:
    """Checks the experiment FILE as a whole, and the first rows of its data against it."""
    from components.ingest.files import HEAD_ROWS, check_heads
    from pipeline.experiment import load
    from pipeline.node_configs import ingest_config

    add_import_folders(file)
    experiment = load(file, overrides)
    for path in check_heads(ingest_config(experiment)):
        click.echo(f"{path}: the first rows fit (at most {HEAD_ROWS} read)")
    click.echo(f"{file}: experiment {experiment.name!r} is fine")
