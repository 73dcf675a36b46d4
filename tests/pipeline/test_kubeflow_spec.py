"""The strict reading of a compiled pipeline: each part that does not fit is named."""

import copy
from typing import Any

import pytest
import yaml

from pipeline.kubeflow_spec import SpecError, order, read

MODEL = {"artifactType": {"instanceSchema": "title: tfx.Model\ntype: object\n"}}
CONTAINER = {"container": {"image": "rondo:1", "command": ["python"], "args": ["-c", "1"]}}
SPEC: dict[str, Any] = {
    "schemaVersion": "2.1.0",
    "pipelineInfo": {"name": "order"},
    "deploymentSpec": {"executors": {"train_executor": CONTAINER, "push_executor": CONTAINER}},
    "components": {
        "train": {
            "executorLabel": "train_executor",
            "inputDefinitions": {"parameters": {"epochs": {"parameterType": "NUMBER_INTEGER"}}},
            "outputDefinitions": {"artifacts": {"model": MODEL}},
        },
        "push": {
            "executorLabel": "push_executor",
            "inputDefinitions": {"artifacts": {"model": MODEL}},
        },
    },
    "root": {
        "dag": {
            "tasks": {
                "Push": {
                    "componentRef": {"name": "push"},
                    "inputs": {
                        "artifacts": {
                            "model": {
                                "taskOutputArtifact": {
                                    "producerTask": "Train",
                                    "outputArtifactKey": "model",
                                }
                            }
                        }
                    },
                },
                "Train": {
                    "componentRef": {"name": "train"},
                    "inputs": {"parameters": {"epochs": {"runtimeValue": {"constant": 3}}}},
                },
            }
        }
    },
}


def changed(path: str, value: Any) -> str:
    """The specification as YAML with one field set, or removed if ``value`` is None."""
    spec = copy.deepcopy(SPEC)
    *outer, last = path.split("/")
    place = spec
    for key in outer:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return yaml.safe_dump(spec)


def test_a_whole_one_is_read_and_ordered_by_its_inputs() -> None:
    spec, deployment = read(yaml.safe_dump(SPEC))
    assert order(spec) == ["Train", "Push"]
    assert deployment.executors["push_executor"].container.image == "rondo:1"


def test_an_accelerator_that_was_added_by_hand_is_read() -> None:
    asked = {"accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": "1"}}
    place = "deploymentSpec/executors/train_executor/container/resources"
    _, deployment = read(changed(place, asked))
    accelerator = deployment.executors["train_executor"].container.resources.accelerator
    assert accelerator.resource_type == "nvidia.com/gpu" and accelerator.resource_count == "1"


TASKS, PARTS = "root/dag/tasks", "components"
EXECUTORS = "deploymentSpec/executors"
SOURCE = f"{TASKS}/Push/inputs/artifacts/model/taskOutputArtifact"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("colour", "red", 'no field named "colour"'),
        (f"{EXECUTORS}/train_executor", {"contianer": {}}, 'no field named "contianer"'),
        ("schemaVersion", "2.0.0", "schemaVersion is '2.0.0', not 2.1.0"),
        ("pipelineInfo/name", None, "pipelineInfo.name is missing"),
        (TASKS, {}, "there is no task"),
        (f"{PARTS}/push", None, "task Push: component 'push' is not defined"),
        (f"{EXECUTORS}/push_executor", None, "task Push: executor 'push_executor' is not defined"),
        (f"{EXECUTORS}/push_executor", {}, "executor 'push_executor' says nothing to run"),
        (f"{EXECUTORS}/push_executor/container/image", "", "'push_executor' has no image"),
        (f"{TASKS}/Train/inputs", None, "task Train: its input 'epochs' is not given"),
        (f"{TASKS}/Push/inputs/parameters", {"rate": {"runtimeValue": {}}}, "'rate' is no input"),
        (f"{SOURCE}/producerTask", "Tune", "task Push: waits for 'Tune', which is no task"),
        (f"{SOURCE}/outputArtifactKey", "loss", "is 'loss' of Train, which has no such output"),
        (f"{TASKS}/Train/dependentTasks", ["Push"], "tasks wait for each other: "),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(SpecError) as raised:
        read(changed(path, value))
    assert message in str(raised.value)


def test_text_that_is_no_yaml() -> None:
    with pytest.raises(SpecError, match="not a PipelineSpec"):
        read("a: [")
    with pytest.raises(SpecError, match="not a PipelineSpec"):
        read("just text")
