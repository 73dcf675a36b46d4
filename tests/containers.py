"""Runs a compiled pipeline as a cluster would: each task by its container's command, in order.

Everything comes from the YAML.  What a cluster's backend does around a container is done here:
``{{$}}`` becomes the ExecutorInput, whose inputs are what the tasks before it wrote, and what a
container says of its outputs is read from its output file.  ``python`` is the interpreter that
runs the tests, and an image is nothing but a name.
"""

import graphlib
import json
import multiprocessing
import os
import runpy
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FRESH = multiprocessing.get_context("forkserver")
# Each command has a process of its own, forked from one that has done no more than import TFX.
FRESH.set_forkserver_preload(["tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"])
INPUT = "{{$}}"
Artifacts = dict[str, list[dict[str, Any]]]


class Done(NamedTuple):
    """What the tasks wrote, and the commands that ran."""

    outputs: dict[str, Artifacts]
    commands: list[list[str]]


def run_compiled(file: Path, root: Path) -> Done:
    """Runs the tasks of a compiled pipeline; their outputs go under ``root``."""
    spec = yaml.safe_load(file.read_text(encoding="utf-8"))
    executors = spec["deploymentSpec"]["executors"]
    tasks = spec["root"]["dag"]["tasks"]
    done = Done({}, [])
    waits = {name: task.get("dependentTasks", []) for name, task in tasks.items()}
    for name in graphlib.TopologicalSorter(waits).static_order():
        component = spec["components"][tasks[name]["componentRef"]["name"]]
        executor = executors[component["executorLabel"]]
        inputs = _inputs(tasks[name].get("inputs", {}), done.outputs)
        done.outputs[name] = _run_container(
            name, executor["container"], component, inputs, root / name, done
        )
    return done


def _inputs(given: dict[str, Any], outputs: dict[str, Artifacts]) -> dict[str, Any]:
    artifacts, parameters = {}, {}
    for key, source in given.get("artifacts", {}).items():
        output = source["taskOutputArtifact"]
        found = outputs[output["producerTask"]].get(output["outputArtifactKey"], [])
        artifacts[key] = {"artifacts": found}
    for key, source in given.get("parameters", {}).items():
        parameters[key] = source["runtimeValue"]["constant"]
    return {"artifacts": artifacts, "parameterValues": parameters}


def _new_artifacts(component: dict[str, Any], folder: Path) -> Artifacts:
    return {
        key: [
            {
                "name": f"{folder.name}/{key}",
                "uri": str(folder / key),
                "type": definition["artifactType"],
                "metadata": definition.get("metadata", {}),
            }
        ]
        for key, definition in component.get("outputDefinitions", {}).get("artifacts", {}).items()
    }


def _run_container(
    name: str,
    container: dict[str, Any],
    component: dict[str, Any],
    inputs: dict[str, Any],
    folder: Path,
    done: Done,
) -> Artifacts:
    outputs = _new_artifacts(component, folder)
    said = folder / "executor_output.json"
    executor_input = json.dumps(
        {
            "inputs": inputs,
            "outputs": {
                "artifacts": {key: {"artifacts": found} for key, found in outputs.items()},
                "outputFile": str(said),
            },
        }
    )
    hook = container.get("lifecycle", {}).get("preCacheCheck")
    for step in [hook, container] if hook else [container]:
        command = [*step["command"], *step.get("args", [])]
        done.commands.append(command)
        _call(name, [part.replace(INPUT, executor_input) for part in command], folder)
        _update(outputs, said)
    return outputs


def _call(name: str, command: list[str], folder: Path) -> None:
    python, module_option, module, *arguments = command
    assert (python, module_option) == ("python", "-m"), command
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "output.txt"
    process = FRESH.Process(target=_run_module, args=(module, arguments, folder, output))
    process.start()
    process.join()
    said = output.read_text(encoding="utf-8")
    assert process.exitcode == 0, f"{name}: {command[:3]}\n{said[-6000:]}"


def _run_module(module: str, arguments: list[str], folder: Path, output: Path) -> None:
    with output.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    # What the command leaves behind ends with its process.
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _update(outputs: Artifacts, said: Path) -> None:
    written = json.loads(said.read_text(encoding="utf-8")).get("artifacts", {})
    for key, found in written.items():
        (artifact,) = found["artifacts"]
        outputs[key][0] |= {
            field: artifact[field] for field in ("uri", "metadata") if field in artifact
        }
