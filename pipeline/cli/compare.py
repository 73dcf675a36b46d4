"""``rondo compare``: simple models on the same split."""

import click

from pipeline.cli.common import home_option, plain_errors, screen_and_log


@click.command("compare")
@click.argument("name")
@home_option
@plain_errors
def command(name: str, home: str) -> None:
    """Trains simple models on the split of NAME's last judged run and prints one table."""
    from pipeline.cli.latest import latest_judged

    experiment, place, record = latest_judged(name, home)
    with screen_and_log(place.history / record.run / "compare.txt") as console:
        show_comparison(console, experiment, place, record)


def show_comparison(console, experiment, place, record) -> None:
    """Prints the table."""
    from rich.markup import escape
    from rich.table import Table

    with console.status("training the simple models"):
        from pipeline.compare import compare

        rows = compare(experiment, place, record)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("same split")
    table.add_column("test accuracy", justify="right")
    for row in rows:
        table.add_row(escape(row["model"]), f"{row['accuracy']:.4f}")
    console.print(table)
