"""``rondo predict``: rows in, answers out."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from models.options import FLOAT32_MAX
from pipeline.cli.common import home_option, plain_errors, quiet_libraries

ABOUT = "assets.extra/rondo.json"


@click.command("predict")
@click.argument("name")
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(1, 100_000))
@home_option
@plain_errors
def command(name: str, batch_size: int, home: str) -> None:
    """Reads JSON Lines on standard input and writes an answer a line, by NAME's released model.

    Fields that the model does not read (an id, the label) are left aside; a field that is absent or
    null gets the experiment's value for missing ones, where it has one.
    """
    from pipeline.workspace import existing
    from serving.client import LocalModel

    place = existing(home, name)
    quiet_libraries()
    model = LocalModel(place.pushed)
    defaults = read_defaults(place.pushed / str(model.version))
    rows = read_rows(sys.stdin.buffer, set(model.signature.inputs), defaults)
    for answer in model.predict(rows, batch_size=batch_size):
        click.echo(json.dumps(answer, ensure_ascii=False))


def read_defaults(model: Path) -> dict[str, Any]:
    """What stands in for missing features, by name, as the exported model says it.

    Raises:
        UserError: the model's ``rondo.json`` does not hold that.
    """
    from components.errors import UserError

    about = model / ABOUT
    if not about.is_file():
        return {}
    try:
        defaults = json.loads(about.read_text(encoding="utf-8")).get("defaults", {})
    except (ValueError, AttributeError) as error:
        raise UserError(f"{about}: not a JSON object; export the model again") from error
    if not isinstance(defaults, dict):
        raise UserError(f"{about}: defaults: expecting an object; export the model again")
    return defaults


def read_rows(
    lines: Iterable[bytes], inputs: set[str], defaults: Mapping[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of JSON Lines, with the fields that the model reads.

    Args:
        lines: UTF-8.
        inputs: the model's inputs.
        defaults: what an absent or null field gets, by name.

    Raises:
        UserError: a line is not a JSON object, lacks an input, or holds a number out of range.
    """
    from components.errors import UserError

    defaults = defaults or {}
    for number, line in enumerate(lines, start=1):
        where = f"<stdin>:{number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError as error:
            raise UserError(f"{where}: not UTF-8 text: {error.reason}") from error
        except RecursionError as error:
            raise UserError(f"{where}: not valid JSON: nested too deep") from error
        except ValueError as error:
            raise UserError(f"{where}: not valid JSON: {error}") from error
        if isinstance(row, dict):
            row = row | {name: defaults[name] for name in defaults if row.get(name) is None}
        missing = inputs - set(row) if isinstance(row, dict) else inputs
        if missing:
            raise UserError(
                f"{where}: an object with {', '.join(sorted(inputs))} is read on each "
                f"line; missing: {', '.join(sorted(missing))}"
            )
        for name in sorted(inputs):
            if not _in_range(row[name]):
                raise UserError(
                    f"{where}: {name}: a number is not finite or too large; numbers of at most "
                    f"{FLOAT32_MAX:.4g} in size are read"
                )
        yield {name: row[name] for name in inputs}


def _in_range(value: Any) -> bool:
    left = [value]
    while left:
        part = left.pop()
        if isinstance(part, list):
            left.extend(part)
        # So written, it holds for NaN too.
        elif isinstance(part, (int, float)) and not abs(part) <= FLOAT32_MAX:
            return False
    return True
