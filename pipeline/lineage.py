"""Reads from ML Metadata what a run's nodes took and gave."""

from pathlib import Path
from typing import NamedTuple

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd


class ArtifactRecord(NamedTuple):
    """An artifact: its id, its folder, and its custom properties."""

    id: int
    uri: str
    properties: dict[str, str | int | float]


class NodeRecord(NamedTuple):
    """A node's execution in a run.

    Attributes:
        state: of the execution, as ML Metadata names it (``COMPLETE``, ``CACHED``, ...).
        inputs: artifacts by input name.
        outputs: artifacts by output name.
        properties: of the execution, the node's own parameters among them.
    """

    state: str
    inputs: dict[str, list[ArtifactRecord]]
    outputs: dict[str, list[ArtifactRecord]]
    properties: dict[str, str | int | float]


def run_nodes(metadata_path: Path, run_id: str) -> dict[str, NodeRecord]:
    """The nodes of a run by node id.

    Args:
        metadata_path: the sqlite file.
        run_id: TFX's id of the run.
    """
    store = metadata_store.MetadataStore(connection(metadata_path))
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    if context is None:
        return {}
    nodes = {}
    for execution in store.get_executions_by_context(context.id):
        nodes[node_of(store, execution.id)] = _node(store, execution)
    return nodes


def connection(metadata_path: Path) -> mlmd.ConnectionConfig:
    """How an existing sqlite file is opened."""
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(metadata_path)
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE
    return config


def node_of(store: metadata_store.MetadataStore, execution_id: int) -> str:
    """Id of the node that an execution belongs to."""
    return next(
        context.name.partition(".")[2]
        for context in store.get_contexts_by_execution(execution_id)
        if context.type == "node"
    )


def executions(metadata_path: Path) -> dict[str, list[NodeRecord]]:
    """Every execution in the store by node id, the latest first."""
    store = metadata_store.MetadataStore(connection(metadata_path))
    found = {
        context.name.partition(".")[2]: store.get_executions_by_context(context.id)
        for context in store.get_contexts_by_type("node")
    }
    return {
        node: [_node(store, each) for each in sorted(of_node, key=lambda e: e.id, reverse=True)]
        for node, of_node in found.items()
    }


def _node(store: metadata_store.MetadataStore, execution: mlmd.Execution) -> NodeRecord:
    inputs: dict[str, list[ArtifactRecord]] = {}
    outputs: dict[str, list[ArtifactRecord]] = {}
    for event in store.get_events_by_execution_ids([execution.id]):
        side = inputs if event.type == mlmd.Event.INPUT else outputs
        for artifact in store.get_artifacts_by_id([event.artifact_id]):
            record = ArtifactRecord(artifact.id, artifact.uri, _values(artifact.custom_properties))
            side.setdefault(event.path.steps[0].key, []).append(record)
    state = mlmd.Execution.State.Name(execution.last_known_state)
    return NodeRecord(state, inputs, outputs, _values(execution.custom_properties))


def _values(properties) -> dict[str, str | int | float]:
    values = {}
    for name, value in properties.items():
        kind = value.WhichOneof("value")
        if kind in ("string_value", "int_value", "double_value"):
            values[name] = getattr(value, kind)
    return values
