"""The experiments that results are told of, and what is asked of each: benchmarks/results.yaml."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from pipeline.experiment import load


class Case(BaseModel):
    """An experiment.

    Attributes:
        name: of the row; the experiment file's, unless ``file`` says another.
        file: the experiment, without ``.yaml``.
        data: file or folder under ``--data`` that becomes ``data.path``.
        get: in place of it, the set that ``rondo data get`` makes here.
        set: more ``--set`` options.
        metrics: those of the task that are shown, the first with its interval; ``{metric: bar}``,
            where none is asked null.  The bar is a lower bound where higher is better.
        minutes: that a run may take; none is asked if null.
        beside: the published or otherwise known figure, with its source.
        compare: whether ``rondo compare`` is run too, for the best of its baselines.
        refused: whether the release is expected to be refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    file: str
    data: str | None = None
    get: str | None = None
    set: tuple[str, ...] = ()
    metrics: dict[str, float | None]
    minutes: float | None = None
    beside: str = ""
    compare: bool = False
    refused: bool = False

    @model_validator(mode="after")
    def _data_from_somewhere(self) -> "Case":
        if (self.data is None) == (self.get is None):
            raise ValueError("state data or get, one of them")
        return self


def read_cases(file: Path) -> list[Case]:
    """The cases of a YAML file, by name.

    Raises:
        ValueError: the file says something else.
    """
    content: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    given = [{"name": name, "file": name, **fields} for name, fields in content.items()]
    try:
        return TypeAdapter(list[Case]).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        place, *path = first["loc"]
        where = ".".join(map(str, [list(content)[int(place)], *path]))
        raise ValueError(f"{file}: {where}: {first['msg']}") from error


def check_metrics(case: Case, folder: Path) -> None:
    """Looks whether the task of a case has the metrics that are to be shown.

    Args:
        case: of an experiment in ``folder``.
        folder: of the experiment files.

    Raises:
        ValueError: it has not; the message names those it has.
    """
    task = load(str(folder / f"{case.file}.yaml"), case.set).task
    unknown = sorted(set(case.metrics) - set(task.metric_names))
    if unknown:
        raise ValueError(
            f"{case.name}: task {task.kind} has no metric {unknown[0]!r}; it has: "
            + ", ".join(task.metric_names)
        )


def chosen(cases: list[Case], names: list[str]) -> list[Case]:
    """The cases of these names; all if none is given.

    Raises:
        ValueError: a name is none of theirs.
    """
    known = {case.name: case for case in cases}
    for name in names:
        if name not in known:
            raise ValueError(f"--only {name}: no such experiment; there are: {', '.join(known)}")
    return [known[name] for name in names] if names else cases
