"""Where a compiled pipeline runs: the image, the folders, and what cannot work there.

Imports no TensorFlow, so that a mistake is told at once.
"""

import os
import re
from dataclasses import dataclass
from importlib.metadata import version

from components.errors import UserError
from components.ingest.options import DataOptions
from components.ingest.parts import reader
from components.ingest.splits import SplitByFiles
from models.features.vectors import features_with_vectors
from pipeline.experiment import Experiment

DEFAULT_IMAGE = f"rondo:{version('rondo-tfx')}"
"""The name that ``make image`` gives."""

SCHEMES = ("gs",)
"""What both TensorFlow's and Beam's file systems read without another plugin."""

PIPELINE_NAME = re.compile(r"[a-z][a-z0-9-]{0,127}")


@dataclass(frozen=True)
class Target:
    """A place on a cluster.

    Attributes:
        root: folder of everything that the experiment's runs write there.
        pushed: where a released model goes, in a folder named by its version.
        image: the container image of every node.
    """

    root: str
    pushed: str
    image: str


def target(
    experiment: Experiment,
    root: str | None,
    push_to: str | None = None,
    image: str | None = None,
    local_paths: bool = False,
) -> Target:
    """The target of an experiment, checked.

    Args:
        experiment: the experiment.
        root: folder that holds all experiments there, as ``--home`` does here.
        push_to: where released models go; under the root if None.
        image: the container image; the one of ``make image`` if None.
        local_paths: accept paths without a scheme: they are inside every container.

    Raises:
        UserError: something cannot work on a cluster; the message says all of it.
    """
    problems = []
    if not PIPELINE_NAME.fullmatch(experiment.name):
        usable = re.sub(r"[^a-z0-9-]", "-", experiment.name.lower())
        problems.append(
            f"name: {experiment.name!r} came; on Kubeflow it holds lower-case letters, digits and "
            f"- alone (--set name={usable})"
        )
    if experiment.tune is not None and experiment.tune.in_run and "://" in (root or ""):
        problems.append(
            f"tune: a search keeps its trials in files beside its output, and {root} is no file "
            "system; search here (`rondo tune FILE --write`), or leave it out with "
            "--set tune.in_run=false"
        )
    given = [
        ("data.path", experiment.data.path, "--set data.path=gs://BUCKET/FILE"),
        ("--root", root, "--root gs://BUCKET/FOLDER"),
        ("--push-to", push_to, "--push-to gs://BUCKET/FOLDER"),
    ]
    for name, vectors in features_with_vectors(experiment.features).items():
        field = f"features.{name}.vectors.file"
        given.append((field, vectors.file, f"--set {field}=gs://BUCKET/FILE"))
    for option, path, remedy in given:
        problem = path and _path_problem(path, remedy, local_paths)
        if problem:
            problems.append(f"{option}: {path}: {problem}")
    folder_problem = _folder_problem(experiment.data)
    if folder_problem:
        problems.append(f"data.path: {experiment.data.path}: {folder_problem}")
    if not root:
        problems.append(
            "--root: is missing; say where the cluster's containers keep what they write, for "
            "example --root gs://BUCKET/rondo"
        )
    if problems or not root:
        raise UserError("\n".join(problems))
    folder = f"{root.rstrip('/')}/{experiment.name}"
    return Target(folder, (push_to or f"{folder}/pushed").rstrip("/"), image or DEFAULT_IMAGE)


def foreign_modules(experiment: Experiment) -> list[str]:
    """The user's own modules that the experiment names, which the image must hold too."""
    kinds = {experiment.task.kind, *(options.kind for options in experiment.features.values())}
    build = experiment.network.build_model
    own = [build.rpartition(".")[0]] if build else []
    kinds |= {experiment.network.cell, experiment.data.format}
    return sorted({*own, *(kind for kind in kinds if "." in kind)})


def _folder_problem(data: DataOptions) -> str | None:
    """What is wrong with a remote folder in the place of files; its files cannot be listed here."""
    _, separator, rest = data.path.partition("://")
    if not separator or isinstance(data.split, SplitByFiles):
        return None
    if "/" in rest and not rest.endswith("/"):
        return None
    files = os.path.join(data.path, reader(data.format).PATTERNS[0])
    return f"is a folder, which cannot be looked into from here; --set data.path={files}"


def _path_problem(path: str, remedy: str, local_paths: bool) -> str | None:
    scheme, separator, _ = path.partition("://")
    if separator and scheme in SCHEMES:
        return None
    if separator:
        readable = ", ".join(f"{name}://" for name in SCHEMES)
        return (
            f"the containers cannot read {scheme}:// (they read {readable}, and with --local-paths "
            f"a volume mounted in them); {remedy}"
        )
    if not local_paths:
        return (
            f"is a path of this machine, which the cluster's containers do not see; {remedy} (or "
            "give --local-paths if this very path is in every container, as a volume or in the "
            "image)"
        )
    return None if path.startswith("/") else "is relative; a path in a container starts with /"
