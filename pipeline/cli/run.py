"""``rondo run``: the pipeline, with progress."""

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.common import (
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    EXIT_UNUSABLE,
    add_import_folders,
    home_option,
    plain_errors,
    screen_and_log,
    set_option,
)

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.experiment import Experiment
    from pipeline.plan import NodePlan
    from pipeline.runs import RunRecord
    from pipeline.workspace import Workspace

EXIT_STATUS = {
    "blessed": 0,
    "tuned": 0,
    "prepared": 0,
    "refused": EXIT_REFUSED,
    "interrupted": EXIT_INTERRUPTED,
    "failed": 1,
}


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
@click.option(
    "--beam",
    "beam_options",
    multiple=True,
    metavar="OPTION",
    help="An option of Beam, as --beam=--direct_num_workers=2; may be given again (docs/scale.md).",
)
@click.option(
    "--explain",
    is_flag=True,
    help="Runs nothing; says of each node whether it would run, and why.",
)
@plain_errors
def command(
    file: str,
    overrides: tuple[str, ...],
    home: str,
    orchestrator: str,
    beam_options: tuple[str, ...],
    explain: bool,
) -> None:
    """Runs the pipeline of the experiment FILE.

    Nodes whose data, options and code are unchanged are taken from before, so after Ctrl-C, an
    error or a change the same command goes on where it must.

    An experiment without a task ends with its data transformed.

    Exits with 0 if the model was blessed, 3 if it was refused, 1 if a node failed, 2 if the file
    or the data cannot be used, 130 after Ctrl-C.
    """
    if explain:
        from pipeline.cli.display import show_plan

        show_plan(_plan(file, overrides, home))
        return
    sys.exit(run_experiment(file, overrides, home, orchestrator, beam_options=beam_options)[0])


def _plan(file: str, overrides: tuple[str, ...], home: str) -> "list[NodePlan]":
    from pipeline.plan import plan
    from pipeline.workspace import locked, workspace

    experiment = _loaded(file, overrides)
    place = workspace(home, experiment.name)
    if not place.metadata.exists():
        return plan(experiment, place)
    with locked(place):
        return plan(experiment, place)


def execute(file: str, overrides: tuple[str, ...], home: str, orchestrator: str = "local") -> int:
    """Runs an experiment file, shows and records it, however it ends; gives the exit status."""
    return run_experiment(file, overrides, home, orchestrator)[0]


def run_experiment(
    file: str,
    overrides: tuple[str, ...],
    home: str,
    orchestrator: str = "local",
    only_tune: bool = False,
    beam_options: tuple[str, ...] = (),
) -> "tuple[int, RunRecord]":
    """As ``execute``; gives the record too.

    Args:
        file: the experiment file.
        overrides: ``--set`` options.
        home: folder of all experiments' runs.
        orchestrator: ``local`` or ``beam``.
        only_tune: whether to end at the Tuner, which the experiment then need not ask for.
        beam_options: of Beam's engine, in place of the defaults.
    """
    from rich.markup import escape

    from models.search_space import TuneOptions
    from pipeline import engine, estimate, runs
    from pipeline.node_configs import ingest_config
    from pipeline.workspace import locked, workspace

    beam_args = engine.beam_args(beam_options)
    experiment = _loaded(file, overrides, data_alone=not only_tune)
    if only_tune and experiment.tune is None:
        experiment = experiment.model_copy(update={"tune": TuneOptions()})
    place = workspace(home, experiment.name)
    with locked(place):
        runs.mark_killed(place)
        record, folder = runs.start(place, experiment, file, overrides)
        key = estimate.key_of(experiment, ingest_config(experiment))
        prediction = estimate.read(place.folder, key)
        record.prediction = prediction._asdict() if prediction else None
        log = folder / runs.LOG
        with screen_and_log(log) as console:
            started = time.perf_counter()
            failure: BaseException | None = None
            try:
                console.print(f"[bold]{escape(experiment.name)}[/]  run {escape(record.run)}")
                how = {"orchestrator": orchestrator, "only_tune": only_tune, "beam_args": beam_args}
                failure = _run(experiment, place, record, console, how)
            except KeyboardInterrupt as error:
                failure = error
            except Exception as error:
                failure = error
                # A run that had stopped already keeps its own reason.
                _stopped(record, error)
            finally:
                if isinstance(failure, KeyboardInterrupt):
                    record.state = "interrupted"
                record.seconds = round(time.perf_counter() - started, 1)
                record.memory = runs.peak_memory()
                runs.write(record, folder)
            from pipeline.cli.display import show_outcome

            show_outcome(console, record, os.path.relpath(log), home)
    if record.state == "failed" and _is_users(failure):
        return EXIT_UNUSABLE, record
    return EXIT_STATUS[record.state], record


def _loaded(file: str, overrides: tuple[str, ...], data_alone: bool = True) -> "Experiment":
    """The experiment, checked against the heads of its data, its vectors and its schema file; with
    a task, unless the data alone will do.
    """
    from components.embeddings.files import check_vectors
    from components.ingest.files import check_heads
    from components.ingest.parts import read_here
    from pipeline import contract
    from pipeline.experiment import load
    from pipeline.node_configs import embeddings_config, ingest_config

    add_import_folders(file)
    experiment = load(file, overrides, data_alone=data_alone)
    if read_here(experiment.data):
        check_heads(ingest_config(experiment))
    check_vectors(embeddings_config(experiment))
    contract.read(experiment)
    return experiment


def _run(
    experiment: "Experiment",
    place: "Workspace",
    record: "RunRecord",
    console: "Console",
    how: dict[str, Any],
) -> BaseException | None:
    """Runs the pipeline and fills in the record; gives what stopped it.

    ``how`` are the last arguments of ``pipeline.local_runner.run``.
    """
    only_tune = how["only_tune"]
    with console.status("loading TensorFlow and TFX (some 15 seconds)"):
        from pipeline import dead_runs, local_runner, runs
        from pipeline.changes import remember_code
        from pipeline.cli.display import RunDisplay
        from pipeline.plan import plan

    for node in dead_runs.clear(place).nodes:
        console.print(f"a run before was killed in {node}, which is marked so and goes on")
    remember_code(experiment, place, only_tune)
    reasons = {node.node: node.reasons for node in plan(experiment, place, only_tune)}
    display = RunDisplay(console, reasons)
    with display.shown():
        observation = local_runner.run(experiment, place, display.node, **how)
    runs.keep_nodes(record, observation.nodes, reasons)
    record.epochs = display.epochs
    if observation.failure is not None:
        _stopped(record, observation.failure)
    local_runner.complete_record(record, place, observation, experiment)
    if observation.failure is None and only_tune:
        record.state = "tuned"
    return observation.failure


def _stopped(record: "RunRecord", failure: BaseException) -> None:
    """Says in the record what stopped the run, unless it says so already; the log has the trace."""
    from pipeline.observer import Interrupted

    logging.getLogger(__name__).error("the run stopped", exc_info=failure)
    if record.state != "running":
        return
    if isinstance(failure, (Interrupted, KeyboardInterrupt)):
        record.state = "interrupted"
    elif _is_users(failure):
        record.state, record.message = "failed", str(failure)
    else:
        text = f"{type(failure).__name__}: {failure}"
        record.state, record.message = "failed", f"{text} (the log has the whole trace)"


def _is_users(failure: BaseException | None) -> bool:
    """Whether the cause is a file or data that cannot be used."""
    from components.errors import UserError
    from pipeline.workspace import WorkspaceError

    return isinstance(failure, (UserError, WorkspaceError))
