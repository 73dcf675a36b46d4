"""``rondo describe``: the experiment's network in numbers and drawn over its first steps."""

import os
import sys
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    add_import_folders,
    home_option,
    plain_errors,
    quiet_libraries,
    set_option,
)

if TYPE_CHECKING:
    from rich.table import Table

    from pipeline.describe import Description


WIDTH = 120


@click.command("describe")
@click.argument("file", type=click.Path(dir_okay=False))
@set_option
@home_option
@click.option("--json", "as_json", is_flag=True, help="Prints the numbers as JSON, no drawing.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False),
    metavar="FILE.png",
    help="Also writes the drawing as a picture: .png, .svg or .pdf.",
)
@plain_errors
def command(
    file: str, overrides: tuple[str, ...], home: str, as_json: bool, picture: str | None
) -> None:
    """Describes the network of the experiment FILE; runs and trains nothing.

    For each layer: the shape of what it gives, its parameters, floating-point operations of one
    time step and of a row, and the memory of a training batch.  Then the network, drawn over the
    first steps of a row of the data.  Sizes of vocabularies come from the last run of the same
    data, features and task, or are estimated from a sample of the data; it says which.
    """
    quiet_libraries()
    import json

    from rich.console import Console

    from pipeline.experiment import load

    _check_picture(picture)
    add_import_folders(file)
    experiment = load(file, overrides)
    status = Console(stderr=True, highlight=False, emoji=False)
    with status.status("reading a sample and building the network (10 seconds)"):
        from pipeline.describe import describe

        described = describe(experiment, home)
        if picture is not None:
            from models.unrolled_figure import figure

            figure(described.drawing, experiment.name).savefig(picture)
    if as_json:
        click.echo(json.dumps({"experiment": experiment.name} | described.to_dict(), indent=1))
    else:
        _show(experiment.name, described)
    if picture is not None:
        click.echo(f"picture: {picture}", err=as_json)


def _check_picture(picture: str | None) -> None:
    if picture is None:
        return
    allowed = (".png", ".svg", ".pdf")
    if not picture.endswith(allowed):
        raise click.BadParameter(
            f"{picture!r}: a picture is a file that ends in {', '.join(allowed)}",
            param_hint="--picture",
        )
    folder = os.path.dirname(os.path.abspath(picture))
    if not os.path.isdir(folder):
        raise click.BadParameter(f"there is no folder {folder}", param_hint="--picture")


def _show(name: str, described: "Description") -> None:
    from rich.console import Console

    from models.unrolled_text import text

    # What is not a terminal has no width; the table should not fold there.
    width = None if sys.stdout.isatty() else WIDTH
    console = Console(highlight=False, emoji=False, width=width)
    click.echo(f"{name}: network {described.network}")
    sizes = ", ".join(f"{key} {size:,}" for key, size in described.vocabularies.items())
    if sizes:
        click.echo(f"vocabularies ({described.sizes_from}): {sizes}")
    if described.estimated:
        click.echo("  an estimate: in a run they can be larger, and the parameters with them")
    console.print(_table(described))
    click.echo(_about(described))
    click.echo("")
    plain = "utf" not in (sys.stdout.encoding or "").lower()
    click.echo(text(described.drawing, plain))


def _table(described: "Description") -> "Table":
    from rich.markup import escape
    from rich.table import Table

    frozen = any(layer.frozen for layer in described.layers)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    columns = ["layer", "kind", "output", "parameters", *(["frozen"] if frozen else [])]
    for column in [*columns, "flops/step", "flops/row", "memory"]:
        left = column in ("layer", "kind", "output")
        folds = column in ("layer", "kind")
        justify = "left" if left else "right"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=not folds)
    for layer in described.layers:
        more = "" if layer.complete else "+"
        step = "" if layer.flops_step is None else short(layer.flops_step) + more
        memory = layer.weights + described.batch_size * layer.activations
        table.add_row(
            escape(layer.name),
            layer.kind,
            escape(layer.output),
            f"{layer.trainable:,}",
            *([f"{layer.frozen:,}"] if frozen else []),
            step,
            short(layer.flops_row) + more,
            size(memory),
        )
    total = described.to_dict()["totals"]
    table.add_row(
        "all",
        "",
        "",
        f"{total['trainable']:,}",
        *([f"{total['frozen']:,}"] if frozen else []),
        "",
        short(total["flops_row"]),
        size(described.weights + described.activations),
        style="bold",
    )
    return table


def _about(described: "Description") -> str:
    """What the columns mean."""
    lengths = ", ".join(f"{name} {length}" for name, length in described.lengths.items())
    of = f"; median steps of {described.rows:,} rows: {lengths}" if lengths else ""
    lines = [
        f"flops: forward, one row{of}",
        "  two a multiply-add, one an element of other operations; step: a row's share",
    ]
    if not all(layer.complete for layer in described.layers):
        lines.append("  +: at least, since a loop or a shape depends on the data")
    lines.append(
        f"memory: weights, and all results of a batch of {described.batch_size} such rows "
        "in float32"
    )
    lines.append(
        f"  a training step: {size(described.training_memory)}: weights {size(described.weights)}, "
        f"gradients {size(described.gradients)}, optimiser {size(described.optimizer)}, "
        f"results {size(described.activations)}"
    )
    return "\n".join(lines)


def short(number: int) -> str:
    """A number in at most four digits: 950, 41.5 k, 1.2 M."""
    for power, unit in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if number >= 10**power:
            return f"{number / 10**power:.3g} {unit}"
    return str(number)


def size(count: int) -> str:
    """Bytes as a person says them."""
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.3g} {unit}"
    return f"{count} B"
