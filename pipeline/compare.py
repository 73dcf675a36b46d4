"""The experiment's network beside its baselines, on the very split that the network was judged on.

What a baseline came to is kept until the examples, the options that it reads or the code change;
each is kept as soon as it is made, so that an interrupted comparison goes on.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras_tuner
from matplotlib.backends.backend_agg import FigureCanvasAgg

from components.baselines.applicable import Baseline, applicable, modules
from components.baselines.rows import Rows
from components.embeddings.spec import EMBEDDINGS_KEY
from components.fingerprint import code_hash
from components.train.run import VALUES
from models.baselines.encoders import NothingToRead
from models.features.vectors import features_with_vectors
from models.name_figure import draw as draw_tables
from models.own_network import Parts, build_any
from models.spec import NetworkOptions, TrainingOptions
from pipeline import dag, runs
from pipeline.comparable import check_comparable
from pipeline.experiment import Experiment
from pipeline.runs import RunRecord
from pipeline.workspace import Workspace, WorkspaceError, locked

KEPT, CHECKPOINTS, TABLE = "baselines.json", "baselines", "compare.json"
READ = ("examples", "transform_graph")
"""What baselines are made of, and the vectors where a feature has pretrained ones."""


@dataclass
class Row:
    """A line of the table.

    Attributes:
        model: its name.
        metrics: the task's, on the test split.
        parameters: how many it has, where that can be said.
        seconds: how long it took to train and to judge; the network: how long its Trainer ran.
        kept: whether it was made by an earlier comparison (the network: an earlier run).
        missing: why it could not be made, if so; it has no metrics then.
        table: a row of figures by name, where the baselines are held against the network by it.
    """

    model: str
    metrics: dict[str, float]
    parameters: int | None
    seconds: float | None
    kept: bool
    missing: str | None = None
    table: dict[str, dict[str, float]] | None = None


Listener = Callable[[str, str], None]
"""Told the baseline that is being made, and how far it is."""


def compare(
    experiment: Experiment,
    place: Workspace,
    record: RunRecord,
    told: Listener = lambda model, far: None,
    made: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Makes the baselines of a run's experiment that are not kept, and judges them.

    They are trained on the train split, as the network is, and stop by the validate split; their
    metrics are the task's own statistics over the test split, as the Evaluator's are.  The table
    is written to the run's folder as ``compare.json``; figures by name, such as by length of the
    source, are drawn beside it in ``compare.png``.

    Args:
        experiment: as it was run.
        place: its workspace.
        record: of a run that was judged.
        told: hears of each step of a baseline's training.
        made: hears of each baseline when it is ready.

    Returns:
        the baselines, the simplest first, and the network last.

    Raises:
        WorkspaceError: the task has no baselines, the run was not judged, or what it wrote is gone.
    """
    check_comparable(experiment)
    needed = [*_read_artifacts(experiment), "model_run"]
    if not record.verdict or not set(needed) <= set(record.artifacts):
        raise WorkspaceError(f"{experiment.name}: no run was judged yet (`rondo run FILE` first)")
    gone = [uri for uri in map(record.artifacts.get, needed) if not os.path.isdir(str(uri))]
    if gone:
        raise WorkspaceError(
            f"{gone[0]}: is gone, and the run's splits with it (run again: `rondo run "
            f"{record.file}`)"
        )
    used = json.loads(Path(record.artifacts["model_run"], VALUES).read_text(encoding="utf-8"))
    network = NetworkOptions.model_validate(used["network"])
    training = TrainingOptions.model_validate(used["training"])
    rows = Rows(
        record.artifacts["examples"],
        record.artifacts["transform_graph"],
        experiment.features,
        experiment.task,
        record.artifacts.get(EMBEDDINGS_KEY),
    )
    table = []
    with locked(place):
        for baseline in applicable(rows, network, training):
            table.append(_kept_or_made(baseline, experiment, place, record, told))
            made(table[-1])
    table.append(_network_row(place, record, rows, network, used["hyperparameters"]))
    if any(row.table for row in table):
        table[-1].table = (record.verdict or {}).get("table")
    written = {
        "experiment": experiment.name,
        "run": record.run,
        "split": "test",
        "rows": [asdict(row) for row in table],
    }
    file = place.history / record.run / TABLE
    file.write_text(json.dumps(written, indent=1, ensure_ascii=False), encoding="utf-8")
    _draw(table, experiment, file.with_suffix(".png"))
    return table


def _draw(rows: Sequence[Row], experiment: Experiment, file: Path) -> None:
    """Writes the picture of the tables beside each other, where rows have some."""
    tables = {row.model: row.table for row in rows if row.table}
    if not tables:
        return
    assert experiment.task is not None
    figure = draw_tables(tables, experiment.task.release_metric, "steps of the source")
    FigureCanvasAgg(figure).print_png(str(file))


def _read_artifacts(experiment: Experiment) -> list[str]:
    """Names of the run's artifacts that its baselines read."""
    vectors = features_with_vectors(experiment.features)
    return [*READ, EMBEDDINGS_KEY] if vectors else list(READ)


def _kept_or_made(
    baseline: Baseline, experiment: Experiment, place: Workspace, record: RunRecord, told: Listener
) -> Row:
    key = _key(baseline, experiment, record)
    file = place.folder / KEPT
    everything = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    kept = everything.get(baseline.name)
    if kept is not None and kept["key"] == key:
        return Row(**kept["row"] | {"kept": True})
    told(baseline.name, "")
    folder = place.folder / CHECKPOINTS / key
    started = time.perf_counter()
    try:
        result = baseline.make(str(folder), lambda far: told(baseline.name, far))
    except NothingToRead as error:
        return Row(baseline.name, {}, None, None, kept=False, missing=str(error))
    seconds = round(time.perf_counter() - started, 1)
    row = Row(
        baseline.name,
        result.metrics,
        result.parameters,
        seconds,
        kept=False,
        table=result.table,
    )
    everything[baseline.name] = {"key": key, "row": asdict(row)}
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(everything, indent=1, ensure_ascii=False), encoding="utf-8")
    os.replace(partial, file)
    shutil.rmtree(folder, ignore_errors=True)
    return row


def _key(baseline: Baseline, experiment: Experiment, record: RunRecord) -> str:
    """Hash of all that a baseline's answers depend on."""
    features = {name: options.to_json() for name, options in experiment.features.items()}
    parts: Sequence[Any] = (
        [record.artifacts[name] for name in _read_artifacts(experiment)],
        [features, experiment.task.to_json(), baseline.options],
        [code_hash(modules(experiment.features, experiment.task)), version("scikit-learn")],
    )
    return hashlib.sha256(json.dumps(parts).encode("utf-8")).hexdigest()[:16]


def _network_row(
    place: Workspace,
    record: RunRecord,
    rows: Rows,
    network: NetworkOptions,
    hyperparameters: dict[str, Any],
) -> Row:
    hp = keras_tuner.HyperParameters()
    hp.values = dict(hyperparameters)
    built = build_any(Parts(rows.features, rows.task, network, rows.learnt), hp)
    verdict = record.verdict or {}
    metrics = {name: verdict["metrics"][name] for name in rows.task.metric_names}
    trained_by, seconds = _training(place, record)
    name = network.build_model or network.cell
    kept = trained_by != record.run
    return Row(f"this network ({name})", metrics, built.count_params(), seconds, kept)


def _training(place: Workspace, record: RunRecord) -> tuple[str | None, float | None]:
    """Which run trained the network of a run, and how long its Trainer took, if that is known."""
    for other in runs.read(place)[0]:
        if other.artifacts.get("model_run") == record.artifacts["model_run"]:
            for node in other.nodes:
                if node["node"] == dag.TRAIN and node["state"] == "done":
                    return other.run, node["seconds"]
    return None, None
