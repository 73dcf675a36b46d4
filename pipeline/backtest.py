"""How good the forecasts of a run were from one origin to the next.

The windows of the test split begin at many steps of their series: each is a forecast that was asked
for at that step, its *origin*, without what came after.  They are judged in bands of origins, by
the task's own statistics, beside the trivial baseline.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from components.read import list_of, raw_examples, text_of, value_of
from components.spec import ID_FEATURE
from models.answers import answers
from models.asked import Asked
from models.export import network_inputs
from models.features.sequences import raw_tensor
from models.options import graph_module
from models.tasks.forecast import Options
from pipeline.comparable import described
from pipeline.experiment import Experiment
from pipeline.origins import Band, bands_of
from pipeline.runs import RunRecord
from pipeline.trained import trained_network
from pipeline.workspace import Workspace, WorkspaceError

TABLE = "backtest.json"
ROWS = 256
"""Windows that are answered together."""


def backtest(experiment: Experiment, place: Workspace, record: RunRecord, bands: int) -> list[Band]:
    """Judges the test windows of a run by their origins, and writes ``backtest.json`` beside it.

    Args:
        experiment: as it was run.
        place: its workspace.
        record: of a run that was judged.
        bands: of origins, at most, with about as many windows each.

    Returns:
        the bands, the earliest first.

    Raises:
        WorkspaceError: the task forecasts nothing, or the windows are not of a time series' reader.
    """
    task = experiment.task
    if not isinstance(task, Options) or experiment.data.format != "timeseries":
        raise WorkspaceError(
            f"{experiment.name}: forecasts of windows that data.format: timeseries cuts are tested "
            f"by their origins; this is {described(experiment)} from {experiment.data.format}"
        )
    rows = list(raw_examples(record.artifacts["examples"], "test"))
    origins = np.array([_origin(experiment, task, row) for row in rows])
    both = np.concatenate(list(_statistics(experiment, task, record, rows)))
    found = []
    for first, last in bands_of(origins.tolist(), bands):
        within = (origins >= first) & (origins <= last)
        network, baseline = (_metrics(task, sums) for sums in both[within].sum(axis=0))
        found.append(Band(first, last, int(within.sum()), network, baseline))
    written = {
        "experiment": experiment.name,
        "run": record.run,
        "split": "test",
        "bands": [asdict(band) for band in found],
    }
    file = place.history / record.run / TABLE
    file.write_text(json.dumps(written, indent=1), encoding="utf-8")
    return found


def _origin(experiment: Experiment, task: Options, row: tf.train.Example) -> int:
    """The step that a window's forecast begins at: its first one, and its context."""
    start = int(text_of(row, ID_FEATURE).rpartition(":")[2])
    return start + len(value_of(row, task.context, experiment.features[task.context].raw))


def _statistics(
    experiment: Experiment, task: Options, record: RunRecord, rows: list[tf.train.Example]
) -> Iterator[np.ndarray]:
    """Of some rows at a time, ``[rows, 2, statistics]``: the network's, the trivial baseline's."""
    graph = graph_module("tasks", task.kind)
    network = trained_network(experiment, record.artifacts["model_run"])
    output = tft.TFTransformOutput(record.artifacts["transform_graph"])
    transform = output.transform_features_layer()
    # Nothing of a forecast's trivial baseline is learnt.
    learnt = graph.baseline(task, iter(()), None)
    for start in range(0, len(rows), ROWS):
        some = rows[start : start + ROWS]
        raw = {
            name: raw_tensor(each.raw, [list_of(row, name, each.raw) for row in some])
            for name, each in experiment.features.items()
        }
        asked = Asked(network_inputs(transform(raw)), raw)
        targets = {
            name: np.stack([np.asarray(value_of(row, name, form)) for row in some])
            for name, form in task.targets.items()
        }
        scores = (
            answers(task, network, asked.inputs),
            graph.baseline_scores(task, learnt, asked),
        )
        judged = []
        for each in scores:
            outputs = graph.judged_outputs(task, each, [], asked)
            outputs = {name: np.asarray(value) for name, value in outputs.items()}
            judged.append(graph.example_statistics(task, targets, outputs))
        yield np.stack(judged, axis=1)


def _metrics(task: Options, sums: np.ndarray) -> dict[str, Any]:
    graph = graph_module("tasks", task.kind)
    return {name: float(value) for name, value in graph.summarise(task, sums).items()}
