"""What the subcommands share: options, errors as one message, and the screen kept from the log."""

import atexit
import contextlib
import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from pipeline.workspace import DEFAULT_HOME

EXIT_REFUSED = 3
EXIT_INTERRUPTED = 130

home_option = click.option(
    "--home",
    default=DEFAULT_HOME,
    show_default=True,
    metavar="DIR",
    help="Folder that holds all experiments' runs and models.",
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Overrides a field of the file, for example --set training.epochs=3.",
)


def plain_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Shows the errors that a user can act on as one message, exit status 2."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        from components.errors import UserError
        from pipeline.corpora.docstrings import CorpusError
        from pipeline.experiment import ExperimentError
        from pipeline.workspace import WorkspaceError
        from serving.errors import ServingError

        try:
            return command(*args, **kwargs)
        except (*(UserError, ExperimentError, WorkspaceError, CorpusError, ServingError),) as error:
            click.echo(str(error), err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(EXIT_INTERRUPTED)

    return wrapped


def quiet_libraries() -> None:
    """Keeps the warnings of TensorFlow and what it imports from standard error.

    For commands without a log file, whose output a program may read.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    warnings.simplefilter("ignore")


@contextlib.contextmanager
def screen_and_log(log: Path) -> Iterator[Console]:
    """A console on the screen, while everything that libraries print goes to a log file.

    Works below Python, on the file descriptors, since TensorFlow's C++ code prints too.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    screen = os.fdopen(os.dup(1), "w", encoding="utf-8")
    errors = os.dup(2)
    handler = logging.FileHandler(log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    with open(log, "a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        last_words = os.dup(file.fileno())
    # TensorFlow's objects complain while the interpreter shuts down, after everything was said.
    atexit.register(os.dup2, last_words, 2)
    try:
        yield Console(file=screen, highlight=False)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        screen.flush()
        os.dup2(screen.fileno(), 1)
        os.dup2(errors, 2)
        os.close(errors)
        screen.close()
        logging.getLogger().removeHandler(handler)
        handler.close()
