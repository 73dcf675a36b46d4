"""``rondo serve``: the newest released model over REST."""

import click

from pipeline.cli.common import home_option, plain_errors, quiet_libraries


@click.command("serve")
@click.argument("name")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8501, show_default=True, type=click.IntRange(0, 65535))
@home_option
@plain_errors
def command(name: str, host: str, port: int, home: str) -> None:
    """Serves the newest released model of NAME as TF Serving does; new releases are picked up.

    POST /v1/models/NAME:predict with {"instances": [{FEATURE: VALUE, ...}, ...]}.
    """
    from pipeline.workspace import existing
    from serving.server import serve

    place = existing(home, name)
    quiet_libraries()
    serve(name, place.pushed, host=host, port=port)
