"""A compiled pipeline, read back strictly: Kubeflow's PipelineSpec 2.1 and what holds it together.

A cluster tells of a mistake in it only as the node runs, if it does.
"""

import graphlib

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec.pipeline_spec_pb2 import (
    ComponentSpec,
    PipelineDeploymentConfig,
    PipelineSpec,
    PipelineTaskSpec,
)

SCHEMA_VERSION = "2.1.0"


class SpecError(ValueError):
    """Not a PipelineSpec that can run; the message lists everything that is wrong."""


def read(text: str) -> tuple[PipelineSpec, PipelineDeploymentConfig]:
    """The PipelineSpec in a YAML text, and the executors in it.

    Raises:
        SpecError: a field is unknown or has another type, or the parts do not fit together.
    """
    try:
        spec = json_format.ParseDict(yaml.safe_load(text), PipelineSpec())
        deployment = json_format.ParseDict(
            json_format.MessageToDict(spec.deployment_spec), PipelineDeploymentConfig()
        )
    except (json_format.ParseError, yaml.YAMLError) as error:
        raise SpecError(f"not a PipelineSpec: {error}") from error
    problems = _problems(spec, deployment)
    if problems:
        raise SpecError("\n".join(problems))
    return spec, deployment


def order(spec: PipelineSpec) -> list[str]:
    """The tasks' names, each after all that it waits for.

    Raises:
        graphlib.CycleError: tasks wait for each other.
    """
    tasks = spec.root.dag.tasks
    return list(
        graphlib.TopologicalSorter(
            {name: sorted(_awaited(task)) for name, task in sorted(tasks.items())}
        ).static_order()
    )


def _awaited(task: PipelineTaskSpec) -> set[str]:
    artifacts = task.inputs.artifacts.values()
    parameters = task.inputs.parameters.values()
    producers = {given.task_output_artifact.producer_task for given in artifacts}
    producers |= {given.task_output_parameter.producer_task for given in parameters}
    return {*task.dependent_tasks, *(name for name in producers if name)}


def _problems(spec: PipelineSpec, deployment: PipelineDeploymentConfig) -> list[str]:
    problems = []
    if spec.schema_version != SCHEMA_VERSION:
        problems.append(f"schemaVersion is {spec.schema_version!r}, not {SCHEMA_VERSION}")
    if not spec.pipeline_info.name:
        problems.append("pipelineInfo.name is missing")
    tasks = spec.root.dag.tasks
    if not tasks:
        problems.append("there is no task")
    for name, task in sorted(tasks.items()):
        component = task.component_ref.name
        if component not in spec.components:
            problems.append(f"task {name}: component {component!r} is not defined")
            continue
        label = spec.components[component].executor_label
        problems += [f"task {name}: {text}" for text in _executor_problems(label, deployment)]
        problems += [f"task {name}: {text}" for text in _input_problems(task, component, spec)]
    if not problems:
        try:
            order(spec)
        except graphlib.CycleError as error:
            problems.append(f"tasks wait for each other: {' -> '.join(error.args[1])}")
    return problems


def _executor_problems(label: str, deployment: PipelineDeploymentConfig) -> list[str]:
    if label not in deployment.executors:
        return [f"executor {label!r} is not defined"]
    executor = deployment.executors[label]
    kind = executor.WhichOneof("spec")
    if kind is None:
        return [f"executor {label!r} says nothing to run"]
    if kind != "container":
        return []
    missing = [field for field in ("image", "command") if not getattr(executor.container, field)]
    return [f"executor {label!r} has no {field}" for field in missing]


def _input_problems(task: PipelineTaskSpec, component: str, spec: PipelineSpec) -> list[str]:
    tasks = spec.root.dag.tasks
    asked = spec.components[component].input_definitions
    problems = []
    for kind in ("artifacts", "parameters"):
        given = getattr(task.inputs, kind)
        for key, definition in sorted(getattr(asked, kind).items()):
            if key not in given and not definition.is_optional:
                problems.append(f"its input {key!r} is not given")
        problems += [
            f"{key!r} is no input of {component}"
            for key in sorted(given)
            if key not in getattr(asked, kind)
        ]
    for producer in sorted(_awaited(task) - set(tasks)):
        problems.append(f"waits for {producer!r}, which is no task")
    for key, artifact in sorted(task.inputs.artifacts.items()):
        source = artifact.task_output_artifact
        if source.producer_task in tasks and source.output_artifact_key not in _outputs(
            spec, source.producer_task
        ):
            problems.append(
                f"its input {key!r} is {source.output_artifact_key!r} of {source.producer_task}, "
                "which has no such output"
            )
    return problems


def _outputs(spec: PipelineSpec, task: str) -> set[str]:
    name = spec.root.dag.tasks[task].component_ref.name
    component: ComponentSpec = spec.components[name]
    return set(component.output_definitions.artifacts)
