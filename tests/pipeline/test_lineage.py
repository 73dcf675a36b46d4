"""A run's nodes, read from a small ML Metadata store written by hand."""

from pathlib import Path

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.lineage import run_nodes


def event(kind: int, key: str, artifact_id: int, execution_id: int) -> mlmd.Event:
    given = mlmd.Event(type=kind, artifact_id=artifact_id, execution_id=execution_id)
    given.path.steps.add(key=key)
    given.path.steps.add(index=0)
    return given


@pytest.fixture(scope="module")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run ``one``: Reader gives rows, Learner takes them and gives a model; run ``two``: Reader."""
    path = tmp_path_factory.mktemp("metadata") / "metadata.sqlite"
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = metadata_store.MetadataStore(config)
    run_type = store.put_context_type(mlmd.ContextType(name="pipeline_run"))
    node_type = store.put_context_type(mlmd.ContextType(name="node"))
    kind = store.put_artifact_type(mlmd.ArtifactType(name="Thing"))
    step = store.put_execution_type(mlmd.ExecutionType(name="Step"))
    contexts = store.put_contexts(
        [
            *(mlmd.Context(type_id=run_type, name=name) for name in ("one", "two")),
            *(
                mlmd.Context(type_id=node_type, name=f"order.{name}")
                for name in ("Reader", "Learner.final")
            ),
        ]
    )
    rows = mlmd.Artifact(type_id=kind, uri="/rows")
    rows.custom_properties["count"].int_value = 7
    rows.custom_properties["share"].double_value = 0.5
    rows.custom_properties["name"].string_value = "rows"
    rows.custom_properties["shape"].struct_value.fields["a"].number_value = 1.0
    artifacts = store.put_artifacts([rows, mlmd.Artifact(type_id=kind, uri="/model")])
    states = (mlmd.Execution.COMPLETE, mlmd.Execution.FAILED, mlmd.Execution.CACHED)
    given = [mlmd.Execution(type_id=step, last_known_state=state) for state in states]
    given[1].custom_properties["units"].int_value = 64
    reader, learner, cached = store.put_executions(given)
    one, two, reader_node, learner_node = contexts
    store.put_attributions_and_associations(
        [],
        [
            mlmd.Association(context_id=context, execution_id=execution)
            for execution, belongs in (
                (reader, (one, reader_node)),
                (learner, (one, learner_node)),
                (cached, (two, reader_node)),
            )
            for context in belongs
        ],
    )
    store.put_events(
        [
            event(mlmd.Event.OUTPUT, "examples", artifacts[0], reader),
            event(mlmd.Event.INPUT, "rows", artifacts[0], learner),
            event(mlmd.Event.OUTPUT, "model", artifacts[1], learner),
            event(mlmd.Event.OUTPUT, "examples", artifacts[0], cached),
        ]
    )
    return path


def test_a_run_has_its_own_nodes_with_their_states(metadata: Path) -> None:
    states = {name: node.state for name, node in run_nodes(metadata, "one").items()}
    assert states == {"Reader": "COMPLETE", "Learner.final": "FAILED"}
    assert {name: node.state for name, node in run_nodes(metadata, "two").items()} == {
        "Reader": "CACHED"
    }


def test_what_a_node_took_and_gave_is_told_apart(metadata: Path) -> None:
    nodes = run_nodes(metadata, "one")
    assert nodes["Reader"].inputs == {}
    (rows,) = nodes["Reader"].outputs["examples"]
    assert rows.uri == "/rows"
    assert nodes["Learner.final"].inputs == {"rows": [rows]}
    assert [model.uri for model in nodes["Learner.final"].outputs["model"]] == ["/model"]


def test_a_cached_node_gives_what_the_first_one_gave(metadata: Path) -> None:
    outputs = [run_nodes(metadata, run)["Reader"].outputs for run in ("one", "two")]
    assert outputs[0] == outputs[1]


def test_properties_are_plain_values(metadata: Path) -> None:
    nodes = run_nodes(metadata, "one")
    (rows,) = nodes["Reader"].outputs["examples"]
    assert rows.properties == {"count": 7, "share": 0.5, "name": "rows"}
    assert nodes["Learner.final"].properties == {"units": 64}


def test_a_run_that_is_not_known_has_no_nodes(metadata: Path) -> None:
    assert run_nodes(metadata, "three") == {}
