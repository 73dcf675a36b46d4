"""``rondo compile``: the pipeline as a file that Kubeflow Pipelines takes."""

import logging
from pathlib import Path

import click

from pipeline.cli.common import add_import_folders, plain_errors, quiet_libraries, set_option

ENDINGS = (".yaml", ".yml")


@click.command("compile")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the pipeline (.yaml).",
)
@click.option(
    "--root",
    envvar="RONDO_ROOT",
    metavar="URL",
    help="Folder, as the cluster sees it, of everything that runs write there, for example "
    "gs://BUCKET/rondo.  [env: RONDO_ROOT]",
)
@click.option(
    "--push-to", metavar="URL", help="Where released models go.  [default: ROOT/NAME/pushed]"
)
@click.option(
    "--image",
    envvar="RONDO_IMAGE",
    metavar="NAME:TAG",
    help="Container image of every node.  [env: RONDO_IMAGE; default: the one of `make image`]",
)
@click.option(
    "--local-paths",
    is_flag=True,
    help="Accepts paths without gs://: they are in every container, as a volume or in the image.",
)
@set_option
@plain_errors
def command(
    file: str,
    output: Path,
    root: str | None,
    push_to: str | None,
    image: str | None,
    local_paths: bool,
    overrides: tuple[str, ...],
) -> None:
    """Compiles the pipeline of the experiment FILE for Kubeflow Pipelines; runs nothing.

    The file is a PipelineSpec 2.1, checked before it is written. Data that the cluster cannot
    read are refused: name them as it sees them, with --set data.path=gs://...

    Exits with 2 if the file cannot be used or the pipeline could not work on a cluster.
    """
    from components.errors import UserError
    from pipeline import cluster, contract
    from pipeline.experiment import load
    from pipeline.node_configs import measures_drift

    add_import_folders(file)
    experiment = load(file, overrides)
    contract.read(experiment)
    if output.suffix not in ENDINGS:
        raise UserError(f"{output}: Kubeflow takes a .yaml file; name it so")
    if not output.parent.is_dir():
        raise UserError(f"{output}: there is no folder {output.parent} (mkdir -p {output.parent})")
    target = cluster.target(experiment, root, push_to, image, local_paths)
    click.echo("loading TFX (some 15 seconds)", err=True)
    quiet_libraries()
    logging.disable(logging.WARNING)
    try:
        from pipeline import kubeflow_runner

        kubeflow_runner.write(experiment, target, output)
    finally:
        logging.disable(logging.NOTSET)
    click.echo(f"wrote {output}: pipeline {experiment.name!r}, PipelineSpec 2.1")
    click.echo(f"image:  {target.image} (the cluster pulls it; `make image` builds it)")
    click.echo(f"nodes:  {target.root}")
    click.echo(f"models: {target.pushed}")
    if measures_drift(experiment):
        click.echo(
            "note: drift is not measured there: no component of Kubeflow's finds the data of the "
            "last blessed run (validate.drift)"
        )
    for module in cluster.foreign_modules(experiment):
        click.echo(f"note: the image must hold your module {module} too (see docs/kubeflow.md)")
    click.echo(f"next: kfp run create -e {experiment.name} -f {output} (see docs/kubeflow.md)")
