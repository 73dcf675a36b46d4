"""``rondo check``: the experiment file, its data, and what a run of it would take."""

import os
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import add_import_folders, home_option, plain_errors, set_option

if TYPE_CHECKING:
    from components.spec import IngestConfig
    from pipeline.estimate import Estimate
    from pipeline.experiment import Experiment
    from pipeline.sample import DataSample

SHOWN_LABELS = 6
SHOWN_PARTS = 5
BUSY = 1.5
"""Load a core, the calibration's own among it, from which on a prediction is one of that load."""


@click.command("check")
@click.argument("file", type=click.Path(dir_okay=False))
@set_option
@home_option
@click.option("--quick", is_flag=True, help="Predicts no minutes and no memory.")
@plain_errors
def command(file: str, overrides: tuple[str, ...], home: str, quick: bool) -> None:
    """Checks the experiment FILE as a whole, and its data and vectors against it.

    Reads the first rows of every file and then for some seconds counts rows, labels and lengths;
    of large data that is an estimate, and says so.  Then trains the experiment's network for a few
    steps on this machine, which takes half a minute, and predicts what a run of all nodes takes.
    Of data that are elsewhere (gs://...) no row is read: the file alone is checked.
    The prediction is kept for `rondo run` and `rondo runs`, which show what it took beside it.
    """
    from components.embeddings.files import check_vectors
    from components.ingest.files import HEAD_ROWS, check_heads
    from components.ingest.parts import read_here
    from models.features.vectors import features_with_vectors
    from pipeline import contract
    from pipeline.experiment import load
    from pipeline.node_configs import embeddings_config, ingest_config
    from pipeline.sample import read_sample

    add_import_folders(file)
    experiment = load(file, overrides, data_alone=True)
    if contract.read(experiment) is not None:
        click.echo(f"{contract.path_of(experiment)}: agrees with the experiment")
    sizes = check_vectors(embeddings_config(experiment))
    for name, vectors in features_with_vectors(experiment.features).items():
        found = f"{sizes[name]} numbers a word" if name in sizes else "not read here"
        click.echo(f"{vectors.file}: {found} (features.{name}.vectors)")
    if not read_here(experiment.data):
        click.echo(f"{experiment.data.path}: not read here, so nothing is counted or predicted")
        click.echo(f"{file}: experiment {experiment.name!r} is fine by itself")
        return
    config = ingest_config(experiment)
    parts = check_heads(config)
    for part in parts[:SHOWN_PARTS]:
        click.echo(f"{part}: the first rows fit (at most {HEAD_ROWS} read)")
    if len(parts) > SHOWN_PARTS:
        click.echo(f"... and {len(parts) - SHOWN_PARTS:,} more, likewise")
    sample = read_sample(config, experiment.features)
    _show_sample(experiment, sample)
    click.echo(f"{file}: experiment {experiment.name!r} is fine")
    if experiment.task is None:
        click.echo("no task is stated: a run reads, validates and transforms these data")
    elif not quick and len(sizes) < len(features_with_vectors(experiment.features)):
        click.echo("nothing is predicted, since vectors are not read here")
    elif not quick:
        _predict(experiment, config, sample, home)


def _show_sample(experiment: "Experiment", sample: "DataSample") -> None:
    from models.features.per_step import is_per_step

    about = "" if sample.whole else "about "
    rows = {split: round(count) for split, count in sample.rows.items()}
    splits = ", ".join(f"{split} {count:,}" for split, count in rows.items())
    read = "" if sample.whole else f" (from {sample.share:.0%} of the bytes)"
    click.echo(f"rows: {about}{sum(rows.values()):,}: {splits}{read}")
    for reason, count in sample.skipped.items():
        click.echo(f"skipped: {count:,} of the records read: {reason}")
    if sample.bad:
        click.echo(f"bad: {sample.bad:,} of those read, left out, such as {sample.first_bad}")
    frequent = ", ".join(
        f"{label}: {count:,}" for label, count in sample.labels.most_common(SHOWN_LABELS)
    )
    rest = len(sample.labels) - SHOWN_LABELS
    more = f", and {rest} more" if rest > 0 else ""
    came = "" if sample.whole else f" among the {sample.labels.total():,} read"
    if sample.labels:
        click.echo(f"labels: {len(sample.labels)}{came}: {frequent}{more}")
    for name, lengths in sample.lengths.items():
        options = experiment.features[name]
        if not hasattr(options, "max_length") and not options.raw.is_sequence:
            click.echo(f"{name}: {len(lengths.seen):,} distinct values in the train rows read")
            continue
        ordered = sorted(lengths.steps)
        median, high = (ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.95))
        line = (
            f"{name}: {'tokens' if lengths.counted else 'steps'} a row: median {median:,}, 95 % up "
            f"to {high:,}, longest {ordered[-1]:,}"
        )
        most = getattr(options, "max_length", None)
        # With per_step the tokens are those of all steps, each of which is cut by itself.
        if most is not None and not is_per_step(options):
            beyond = sum(count > most for count in ordered) / len(ordered)
            line += f"; {beyond:.1%} of the rows are longer than max_length {most:,}"
        click.echo(line)


def _predict(
    experiment: "Experiment", config: "IngestConfig", sample: "DataSample", home: str
) -> None:
    import json
    import sys

    from rich.console import Console

    from pipeline import runs
    from pipeline.calibrate import Task, calibrate
    from pipeline.costs import REFERENCE_SECONDS, reference_work
    from pipeline.estimate import estimate, key_of, of_record, vocabularies, write
    from pipeline.workspace import workspace

    console = Console(stderr=True, highlight=False, emoji=False)
    options = json.loads(experiment.to_json())
    with console.status("timing the network on this machine (half a minute)"):
        calibration = calibrate(
            Task(options, list(sys.path), sample.kept, vocabularies(experiment, sample))
        )
        slowness = reference_work() / REFERENCE_SECONDS
    place = workspace(home, experiment.name)
    here = [record for record in runs.read(place)[0] if of_record(record)]
    past = here or runs.read_all(home)[0]
    key = key_of(experiment, config)
    found = estimate(experiment, key, sample, calibration, slowness, past)
    write(found, place.folder)
    _show_estimate(found, experiment)


def _show_estimate(found: "Estimate", experiment: "Experiment") -> None:
    from pipeline.cli.display import gigabytes, minutes
    from pipeline.nodes import RESOLVERS, TRAIN, nodes

    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    click.echo("predicted on this machine, if every node runs:")
    if load > BUSY * cores:
        click.echo(f"  (while it is as busy as now: a load of {load:.1f} on {cores} cores)")
    click.echo(f"  {'start':<12} {minutes(found.start)}")
    for name, seconds in found.nodes.items():
        line = f"  {name:<12} {minutes(seconds)}"
        if name == TRAIN:
            line += f", {found.epochs} epochs at most, {minutes(found.epoch)} each"
            if experiment.training.early_stopping is not None:
                line += "; early stopping may end it sooner"
        click.echo(line)
    untold = [
        node.name
        for node in nodes(experiment)
        if node.name not in found.nodes and node.name not in RESOLVERS
    ]
    if untold:
        click.echo(f"  not predicted: {', '.join(untold)}")
    line = f"  {'all':<12} about {minutes(found.seconds)}, {gigabytes(found.memory)} of memory"
    if found.from_runs:
        line += f" (corrected by {found.from_runs} earlier runs)"
    click.echo(line)
