"""Runs an experiment's pipeline on this machine: LocalDagRunner or BeamDagRunner over sqlite."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from tfx.orchestration.beam.beam_dag_runner import BeamDagRunner
from tfx.orchestration.local.local_dag_runner import LocalDagRunner

from components.evaluate.gate import RELEASE
from components.validate.gate import REPORT
from pipeline import dag
from pipeline.experiment import Experiment
from pipeline.lineage import NodeRecord, run_nodes
from pipeline.observer import NodeRun, Observation, observed
from pipeline.runs import RunRecord
from pipeline.stack import LOCAL_BEAM_ARGS
from pipeline.workspace import Workspace

ORCHESTRATORS = {"local": LocalDagRunner, "beam": BeamDagRunner}


def run(
    experiment: Experiment,
    place: Workspace,
    listener: Callable[[NodeRun], None],
    orchestrator: str = "local",
) -> Observation:
    """Runs the pipeline; nodes whose inputs, options and code are unchanged are taken from before.

    Args:
        experiment: the experiment.
        place: where its nodes, metadata and models go.
        listener: told of each node as it starts and ends.
        orchestrator: ``local`` or ``beam``.

    Raises:
        Exception: whatever stopped a node; ``Observation.failure`` of the caller's record is the
            error as the node raised it.
    """
    with observed(listener) as observation:
        pipeline = dag.create_pipeline(
            experiment,
            pipeline_root=str(place.nodes),
            metadata_path=str(place.metadata),
            push_directory=str(place.pushed),
            beam_args=LOCAL_BEAM_ARGS,
        )
        try:
            ORCHESTRATORS[orchestrator]().run(pipeline)
        except Exception as error:
            # Beam wraps what a node raised in its own words; the observer saw the error itself.
            observation.failure = observation.failure or error
    return observation


def complete_record(record: RunRecord, place: Workspace, observation: Observation) -> None:
    """Fills in what the run's nodes wrote: verdict, warnings, folders, the model that is served."""
    nodes = run_nodes(place.metadata, observation.run_id) if observation.run_id else {}
    for key, node, output in (
        ("examples", dag.INGEST, "examples"),
        ("transform_graph", dag.TRANSFORM, "transform_graph"),
        ("model", dag.TRAIN, "model"),
        ("model_run", dag.TRAIN, "model_run"),
    ):
        uri = _output(nodes, node, output)
        if uri:
            record.artifacts[key] = uri
    report = _output(nodes, dag.GATE, "report")
    if report:
        record.warnings = json.loads(Path(report, REPORT).read_text(encoding="utf-8"))["warnings"]
    evaluation = _output(nodes, dag.EVALUATE, "evaluation")
    if evaluation:
        record.verdict = json.loads(Path(evaluation, RELEASE).read_text(encoding="utf-8"))
    record.model = newest_model(place)


def _output(nodes: dict[str, NodeRecord], node: str, output: str) -> str | None:
    artifacts = nodes[node].outputs.get(output) if node in nodes else None
    return artifacts[0].uri if artifacts and os.path.isdir(artifacts[0].uri) else None


def newest_model(place: Workspace) -> str | None:
    """Folder of the newest pushed version."""
    versions = [path for path in place.pushed.glob("[0-9]*") if path.name.isdigit()]
    return str(max(versions, key=lambda path: int(path.name))) if versions else None
