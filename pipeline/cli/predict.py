"""``rondo predict``: rows in, answers out."""

import json
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import click

from pipeline.cli.common import home_option, plain_errors, quiet_libraries


@click.command("predict")
@click.argument("name")
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(1, 100_000))
@home_option
@plain_errors
def command(name: str, batch_size: int, home: str) -> None:
    """Reads JSON Lines on standard input and writes an answer a line, by NAME's released model.

    Fields that the model does not read (an id, the label) are left aside.
    """
    from pipeline.workspace import existing
    from serving.client import LocalModel

    place = existing(home, name)
    quiet_libraries()
    model = LocalModel(place.pushed)
    rows = read_rows(sys.stdin, set(model.signature.inputs))
    for answer in model.predict(rows, batch_size=batch_size):
        click.echo(json.dumps(answer, ensure_ascii=False))


def read_rows(lines: TextIO, inputs: set[str]) -> Iterator[dict[str, Any]]:
    """The rows of JSON Lines, with the fields that the model reads.

    Raises:
        UserError: a line is not a JSON object, or lacks an input.
    """
    from components.errors import UserError

    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"<stdin>:{number}: not valid JSON: {error}") from error
        missing = inputs - set(row) if isinstance(row, dict) else inputs
        if missing:
            raise UserError(
                f"<stdin>:{number}: an object with {', '.join(sorted(inputs))} is read on each "
                f"line; missing: {', '.join(sorted(missing))}"
            )
        yield {name: row[name] for name in inputs}
