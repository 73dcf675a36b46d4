"""``rondo run``: the pipeline, with progress."""

import os
import sys
import time
import traceback

import click

from pipeline.cli.common import (
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    home_option,
    plain_errors,
    screen_and_log,
    set_option,
)

EXIT_STATUS = {"blessed": 0, "refused": EXIT_REFUSED, "interrupted": EXIT_INTERRUPTED, "failed": 1}


@click.command("run")
@click.argument("file", type=click.Path(dir_okay=False))
@set_option
@home_option
@click.option(
    "--orchestrator",
    type=click.Choice(["local", "beam"]),
    default="local",
    show_default=True,
    help="TFX's LocalDagRunner, or its BeamDagRunner; the result is the same.",
)
@plain_errors
def command(file: str, overrides: tuple[str, ...], home: str, orchestrator: str) -> None:
    """Runs the pipeline of the experiment FILE.

    Nodes whose data, options and code are unchanged are taken from before, so after Ctrl-C, an
    error or a change the same command goes on where it must.

    Exits with 0 if the model was blessed, 3 if it was refused, 1 if a node failed, 2 if the file
    or the data cannot be used.
    """
    sys.exit(EXIT_STATUS[execute(file, overrides, home, orchestrator)])


def execute(file: str, overrides: tuple[str, ...], home: str, orchestrator: str = "local") -> str:
    """Runs an experiment file and shows it; gives the state of the run's record."""
    from components.ingest.files import check_heads
    from pipeline import runs
    from pipeline.experiment import load
    from pipeline.node_configs import ingest_config
    from pipeline.workspace import locked, workspace

    experiment = load(file, overrides)
    if "://" not in experiment.data.path:
        check_heads(ingest_config(experiment))
    place = workspace(home, experiment.name)
    with locked(place):
        record, folder = runs.start(place, experiment, file, overrides)
        log = folder / runs.LOG
        with screen_and_log(log) as console:
            started = time.perf_counter()
            console.print(f"[bold]{experiment.name}[/]  run {record.run}")
            try:
                _run(experiment, place, record, console, orchestrator)
            except KeyboardInterrupt:
                record.state = "interrupted"
            finally:
                record.seconds = round(time.perf_counter() - started, 1)
                runs.write(record, folder)
            from pipeline.cli.display import show_outcome

            show_outcome(console, record, os.path.relpath(log), home)
    return record.state


def _run(experiment, place, record, console, orchestrator: str) -> None:
    with console.status("loading TensorFlow and TFX (some 15 seconds)"):
        from components.errors import UserError
        from pipeline import local_runner
        from pipeline.cli.display import RunDisplay
        from pipeline.observer import Interrupted

    display = RunDisplay(console)
    with display.shown():
        observation = local_runner.run(experiment, place, display.node, orchestrator)
    record.nodes = [
        {"node": node.node, "state": node.state, "seconds": round(node.seconds, 2)}
        for node in observation.nodes
    ]
    failure = observation.failure
    local_runner.complete_record(record, place, observation)
    if isinstance(failure, Interrupted):
        record.state = "interrupted"
    elif isinstance(failure, UserError):
        record.state, record.message = "failed", str(failure)
    elif failure is not None:
        traceback.print_exception(failure)
        record.state = "failed"
        record.message = f"{type(failure).__name__}: {failure} (the log has the whole trace)"
    else:
        record.state = "blessed" if record.verdict and record.verdict["blessed"] else "refused"
