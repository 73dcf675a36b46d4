"""The experiment: one file, one typed object, everything a run derives from.

The file is checked as a whole before anything heavy is imported: every unknown key, wrong type and
impossible combination is reported at once, with its line.
"""

import difflib
import os
import re
import typing
from collections.abc import Iterable, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError

from components.spec import (
    GROUP_FEATURE,
    ID_FEATURE,
    SPLIT_CLASSES,
    DataOptions,
    ReleaseOptions,
    SplitByHash,
)
from models.options import (
    AnyFeature,
    AnyTask,
    FeatureOptions,
    Options,
    TaskOptions,
    options_class,
    slice_names,
)
from models.spec import NetworkOptions, TrainingOptions
from pipeline.yaml_positions import Document, Path, Problem, SyntaxProblem, parse

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
FEATURE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Experiment(Options):
    """What is learnt from which data, and what a model must show to be released.

    Attributes:
        name: of the experiment, its runs and its served model.
        data: where the rows are and how they split.
        features: what the model reads, by name.
        task: what it answers.
        network: how it is built.
        training: how it is trained.
        release: what it must show before it is pushed.
    """

    name: str
    data: DataOptions
    features: dict[str, AnyFeature] = Field(min_length=1)
    task: AnyTask
    network: NetworkOptions = NetworkOptions()
    training: TrainingOptions = TrainingOptions()
    release: ReleaseOptions = ReleaseOptions()


class ExperimentError(ValueError):
    """An experiment file has mistakes; the message lists them all, a line each."""


def load(path: str, overrides: Sequence[str] = ()) -> Experiment:
    """Reads and checks an experiment file.

    Args:
        path: the file.
        overrides: ``field.in.dots=value`` in YAML, as ``--set`` takes them.

    Raises:
        ExperimentError: the file cannot be read or has mistakes.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise ExperimentError(
            f"{path}: {reason} (`rondo init NAME` writes an experiment file)"
        ) from error
    try:
        document = parse(text)
    except SyntaxProblem as error:
        raise ExperimentError(f"{path}:{error.line}: not valid YAML: {error}") from error
    origins: dict[Path, str] = {}
    problems = list(document.problems)
    if isinstance(document.data, dict):
        for override in overrides:
            _override(document.data, override, origins)
    experiment = _check(document.data, problems)
    if problems:
        raise ExperimentError(
            "\n".join(_located(path, document, origins, problem) for problem in problems)
        )
    assert experiment is not None
    return _with_absolute_path(experiment, os.path.dirname(os.path.abspath(path)), origins)


def _with_absolute_path(
    experiment: Experiment, folder: str, origins: dict[Path, str]
) -> Experiment:
    # A path given on the command line starts where the command runs, as any other path there.
    base = os.getcwd() if ("data", "path") in origins else folder
    path = experiment.data.path
    if "://" not in path:
        path = os.path.normpath(os.path.join(base, os.path.expanduser(path)))
    return experiment.model_copy(update={"data": experiment.data.model_copy(update={"path": path})})


def _override(data: dict[str, Any], override: str, origins: dict[Path, str]) -> None:
    field, equals, text = override.partition("=")
    path: Path = tuple(field.strip().split("."))
    if not equals or not all(path):
        raise ExperimentError(
            f"--set {override}: write it as field.in.dots=value, for example training.epochs=3"
        )
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ExperimentError(f"--set {override}: {text!r} is not valid YAML") from error
    place = data
    for index, key in enumerate(path[:-1]):
        inner = place.setdefault(key, {})
        if inner is None:
            inner = place[key] = {}
        if not isinstance(inner, dict):
            raise ExperimentError(
                f"--set {override}: {'.'.join(map(str, path[: index + 1]))} is {inner!r} in the "
                "file and has no fields"
            )
        place = inner
    place[path[-1]] = value
    origins[path] = f"--set {override}"


def _located(path: str, document: Document, origins: dict[Path, str], problem: Problem) -> str:
    where = f"{path}:{document.line(problem.path)}"
    for length in range(len(problem.path), 0, -1):
        if problem.path[:length] in origins:
            where = origins[problem.path[:length]]
            break
        if problem.path[:length] in document.lines:
            break
    field = ".".join(map(str, problem.path))
    return f"{where}: {field}: {problem.message}" if field else f"{where}: {problem.message}"


def _check(data: Any, problems: list[Problem]) -> Experiment | None:
    if not isinstance(data, dict):
        came = "the file is empty" if data is None else f"a {type(data).__name__} came"
        problems.append(
            Problem((), f"{came}; an experiment has {', '.join(Experiment.model_fields)}")
        )
        return None
    _unknown_keys(data, Experiment.model_fields, (), problems)
    for name, field in Experiment.model_fields.items():
        if field.is_required() and data.get(name) is None:
            problems.append(Problem((name,), "is missing; every experiment states it"))
    parts: dict[str, Any] = {}
    if isinstance(data.get("name"), str) and NAME.fullmatch(data["name"]):
        parts["name"] = data["name"]
    elif data.get("name") is not None:
        problems.append(
            Problem(
                ("name",),
                f"{data['name']!r} came; a name starts with a letter and holds letters, digits, "
                "- and _ (it becomes a folder and a part of the served address)",
            )
        )
    _check_data(data.get("data"), parts, problems)
    _check_features(data.get("features"), parts, problems)
    _check_slice(data.get("task"), ("task",), "tasks", parts, problems)
    for name, options in (
        ("network", NetworkOptions),
        ("training", TrainingOptions),
        ("release", ReleaseOptions),
    ):
        value = data.get(name)
        _check_options(options, {} if value is None else value, (name,), parts, problems)
    _check_together(parts, problems)
    return None if problems else Experiment(**parts)


def _check_data(data: Any, parts: dict[str, Any], problems: list[Problem]) -> None:
    if data is None:
        return
    if isinstance(data, dict) and isinstance(data.get("split"), dict):
        split = data["split"]
        by = split.get("by", "row")
        if by not in SPLIT_CLASSES:
            problems.append(_not_allowed(("data", "split", "by"), by, SPLIT_CLASSES))
            data = {key: value for key, value in data.items() if key != "split"}
        else:
            inner: dict[str, Any] = {}
            _check_options(SPLIT_CLASSES[by], split, ("data", "split"), inner, problems)
            data = {**data, "split": inner.get("split", SplitByHash())}
    _check_options(DataOptions, data, ("data",), parts, problems)


def _check_features(features: Any, parts: dict[str, Any], problems: list[Problem]) -> None:
    if features is None:
        return
    if not isinstance(features, dict) or not features:
        problems.append(
            Problem(("features",), "give at least one, by name: `review: {kind: text}`")
        )
        return
    checked: dict[str, Any] = {}
    for name, options in features.items():
        path = ("features", name)
        if not FEATURE_NAME.fullmatch(name) or name.endswith("_length"):
            problems.append(
                Problem(
                    path,
                    "a feature's name starts with a letter, holds letters, digits and _, and does "
                    "not end in _length (clients send it by this name; set `column:` for a column "
                    "named otherwise)",
                )
            )
        _check_slice(options, path, "features", checked, problems)
    parts["features"] = checked


def _check_slice(
    options: Any, path: Path, group: str, parts: dict[str, Any], problems: list[Problem]
) -> None:
    if options is None and group == "tasks":
        return
    kinds = slice_names(group)
    if not isinstance(options, dict) or "kind" not in options:
        problems.append(Problem(path, f"state its kind: {{kind: {kinds[-1]}, ...}}"))
        return
    kind = options["kind"]
    try:
        options_type = options_class(group, str(kind))
    except LookupError as error:
        if "." in str(kind):
            problems.append(Problem((*path, "kind"), str(error)))
        else:
            problems.append(_not_allowed((*path, "kind"), kind, kinds))
        return
    _check_options(options_type, options, path, parts, problems)


def _check_options(
    options: type[BaseModel],
    value: Any,
    path: Path,
    parts: dict[str, Any],
    problems: list[Problem],
) -> None:
    if not isinstance(value, dict):
        names = ", ".join(_keys(options))
        problems.append(Problem(path, f"{value!r} came, where fields are read: {names}"))
        return
    try:
        parts[str(path[-1])] = options.model_validate(value)
    except ValidationError as error:
        for detail in error.errors():
            problems.append(_problem(options, path, detail))


def _problem(options: type[BaseModel], path: Path, detail: Any) -> Problem:
    inner = tuple(detail["loc"])
    where = (*path, *inner)
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return _unknown(where, _keys(_options_at(options, inner[:-1])))
    if detail["type"] == "missing":
        return Problem(where, "is missing; it has no default")
    if detail["type"] == "literal_error":
        return _not_allowed(where, detail["input"], re.findall(r"'([^']*)'", message))
    if detail["type"] == "value_error":
        return Problem(where, message)
    message = message[0].lower() + message[1:]
    return Problem(where, f"{detail['input']!r} came; {message}")


def _options_at(options: type[BaseModel], loc: Iterable[str | int]) -> type[BaseModel]:
    for key in loc:
        annotation = options.model_fields[str(key)].annotation
        candidates = [annotation, *typing.get_args(annotation)]
        options = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return options


def _keys(options: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in options.model_fields.items()]


def _unknown_keys(
    data: dict[str, Any], known: Iterable[str], path: Path, problems: list[Problem]
) -> None:
    problems += [_unknown((*path, key), list(known)) for key in data if key not in known]


def _unknown(path: Path, known: Sequence[str]) -> Problem:
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return Problem(path, f"unknown option; {hint}allowed: {', '.join(known)}")


def _not_allowed(path: Path, came: Any, allowed: Iterable[str]) -> Problem:
    allowed = list(allowed)
    near = difflib.get_close_matches(str(came), allowed, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return Problem(path, f"{came!r} came; allowed: {', '.join(allowed)}{hint}")


def _check_together(parts: dict[str, Any], problems: list[Problem]) -> None:
    task, features, data = parts.get("task"), parts.get("features"), parts.get("data")
    if isinstance(task, TaskOptions):
        _check_task(task, features or {}, parts, problems)
    split = data.split if isinstance(data, DataOptions) else None
    if isinstance(split, SplitByHash) and split.by == "group" and data.group is None:
        problems.append(
            Problem(("data", "split", "by"), "group needs data.group, the column to group by")
        )


def _check_task(
    task: TaskOptions,
    features: dict[str, FeatureOptions],
    parts: dict[str, Any],
    problems: list[Problem],
) -> None:
    for name, options in features.items():
        if task.label in (name, options.column):
            problems.append(
                Problem(
                    ("features", name),
                    f"reads {task.label!r}, which is the task's label: the model would be given "
                    "the answer",
                )
            )
    if task.label in (ID_FEATURE, GROUP_FEATURE):
        problems.append(Problem(("task", "label"), f"{task.label!r} is a name that Rondo uses"))
    release = parts.get("release")
    if isinstance(release, ReleaseOptions):
        for name in release.thresholds:
            if name not in task.metric_names:
                problems.append(
                    _not_allowed(("release", "thresholds", name), name, task.metric_names)
                )
    training = parts.get("training")
    if isinstance(training, TrainingOptions) and training.early_stopping is not None:
        monitors = ("loss", *task.training_metrics)
        if training.early_stopping.monitor not in monitors:
            problems.append(
                _not_allowed(
                    ("training", "early_stopping", "monitor"),
                    training.early_stopping.monitor,
                    monitors,
                )
            )
