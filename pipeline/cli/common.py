"""What the subcommands share: options, errors as one message, and the screen kept from the log."""

import atexit
import contextlib
import functools
import logging
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from pipeline.workspace import DEFAULT_HOME

EXIT_UNUSABLE = 2
EXIT_REFUSED = 3
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

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
    """Shows every error as one message: exit status 2 for what a user can act on, 1 for others."""

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
            sys.exit(EXIT_UNUSABLE)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(EXIT_INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            # Whoever read the output (`| head`) has seen enough; nothing is left to flush at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(EXIT_BROKEN_PIPE)
        except OSError as error:
            click.echo(os_error_message(error), err=True)
            sys.exit(EXIT_UNUSABLE)
        except Exception as error:
            for line in (unexpected_message(error), *getattr(error, "__notes__", ())):
                click.echo(line, err=True)
            sys.exit(1)

    return wrapped


def os_error_message(error: OSError) -> str:
    """One line that names the path, where the error has one."""
    reason = error.strerror or str(error)
    if error.filename is None:
        return f"{reason} ({type(error).__name__})"
    return f"{os.fsdecode(error.filename)}: {reason} (check the path and its permissions)"


def unexpected_message(error: Exception) -> str:
    """What an error was that nobody foresaw, and where in the code it was raised."""
    message = f"unexpected error: {type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{message} ({frames[-1].filename}:{frames[-1].lineno})" if frames else message


def add_import_folders(file: str) -> None:
    """Lets an experiment name feature kinds in packages beside its file or where the command runs.

    At the end of the path, so that nothing there stands in for an installed module.
    """
    for folder in (os.path.dirname(os.path.abspath(file)), os.getcwd()):
        if folder not in sys.path:
            sys.path.append(folder)


def serve_command(name: str, home: str) -> str:
    """The command line that serves an experiment's released model."""
    option = "" if home == DEFAULT_HOME else f" --home {shlex.quote(home)}"
    return f"rondo serve {name}{option}"


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
        # No emoji: the line number in `rows.csv:100: ...` is the code of one.
        yield Console(file=screen, highlight=False, emoji=False)
    except Exception as error:
        logging.getLogger(__name__).error("stopped", exc_info=error)
        error.add_note(f"{log} has the whole trace")
        raise
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
