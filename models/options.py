"""Base of every typed options class, and how a slice is found by name.

A *slice* (a feature kind, a task) is a package ``models/<group>/<name>/`` with two parts: its
``Options`` in ``__init__.py``, which import no TensorFlow so that an experiment can be checked at
once, and its ``graph`` module, which does the work.  A slice outside this repository is named by
its dotted path and has the same two parts.
"""

import difflib
import importlib
import pkgutil
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, SerializeAsAny

LABEL = "label"
"""Name of the transformed label and of its vocabulary, which therefore no feature may have."""

FLOAT32_MAX = 3.4028234663852886e38
"""The largest number that an example, a request or the network can hold."""


class Options(BaseModel):
    """Immutable options that refuse unknown names, and numbers that are not finite."""

    # JSON has no NaN and no infinity: options that held one would not be read back.
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )

    def to_json(self) -> str:
        """JSON that ``model_validate_json`` reads back; the same text for the same options."""
        return self.model_dump_json(by_alias=True)


class LabelCount(NamedTuple):
    """How often a label occurs in a split, and where it was met first (``file:line``)."""

    rows: int
    first: str


class FeatureOptions(Options):
    """Options that every feature kind has.

    Attributes:
        kind: the slice that handles the feature.
        column: column (csv) or field (jsonl) that holds it; the feature's own name if left out.
        missing: value for rows whose field is empty or absent; such a row is an error if unset.
    """

    raw_type: ClassVar[str]
    """``"string"`` or ``"float"``: what a reader hands over and a client sends."""
    empty_is_a_value: ClassVar[bool] = False
    """Whether an empty string is a value like any other (else it is a missing one)."""

    kind: str
    column: str | None = None
    missing: str | float | None = None

    def tokens_of(self, value: object) -> list[str] | None:
        """Roughly what the graph looks up in a vocabulary for a raw value, for estimates.

        All tokens of a sequence, whatever is kept of it; None if nothing is looked up.
        """
        return None


class TaskOptions(Options):
    """Options that every task has.

    Attributes:
        kind: the slice that handles the task.
        label: column that holds the label.
    """

    metric_names: ClassVar[tuple[str, ...]]
    """Metrics that a release may state a threshold for."""
    release_metric: ClassVar[str]
    """The metric that is compared with the trivial baseline and the last blessed model."""
    higher_is_better: ClassVar[dict[str, bool]]
    training_metrics: ClassVar[tuple[str, ...]]
    """Metrics shown while training, which early stopping may monitor."""

    kind: str
    label: str

    @abstractmethod
    def label_problems(
        self, labels: Mapping[str, Mapping[str, LabelCount]]
    ) -> tuple[list[str], list[str]]:
        """What is wrong with the labels found by ingest.

        Args:
            labels: by split (``train``, ``validate``, ``test``), the count of each label.

        Returns:
            errors, which stop the run, and warnings, which are shown.
        """


OPTIONS_BASES: dict[str, type[Options]] = {"features": FeatureOptions, "tasks": TaskOptions}
"""What the ``Options`` of a group's slices derive from."""


def did_you_mean(came: object, allowed: Iterable[str]) -> str:
    """``"; did you mean ...?"`` with the nearest of the allowed names, if one is near."""
    near = difflib.get_close_matches(str(came), list(allowed), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def slice_names(group: str) -> list[str]:
    """Names of the slices of a group (``"features"``, ``"tasks"``) that ship with Rondo."""
    package = importlib.import_module(f"models.{group}")
    return sorted(entry.name for entry in pkgutil.iter_modules(package.__path__) if entry.ispkg)


def cell_names() -> list[str]:
    """Names of the recurrent cells that ship with Rondo."""
    package = importlib.import_module("models.cells")
    return sorted(entry.name for entry in pkgutil.iter_modules(package.__path__))


def slice_module(group: str, kind: str) -> str:
    """Dotted module of a slice: ``models.<group>.<kind>``, or ``kind`` itself if it is dotted."""
    return kind if "." in kind else f"models.{group}.{kind}"


def options_class(group: str, kind: str) -> type[Any]:
    """The ``Options`` class of a slice; imports no TensorFlow.

    Raises:
        LookupError: there is no such slice, or it has no ``Options`` of its group.
    """
    if "." not in kind and kind not in slice_names(group):
        raise LookupError(kind)
    if not all(part.isidentifier() for part in kind.split(".")):
        raise LookupError(f"{kind!r} is no module's dotted path, such as my_package.my_module")
    try:
        module = importlib.import_module(slice_module(group, kind))
    except ModuleNotFoundError as error:
        raise LookupError(f"cannot import {kind!r}: {error}") from error
    except Exception as error:  # Whatever a user's module may raise while it is imported.
        name = type(error).__name__
        raise LookupError(f"cannot import {kind!r}: {name}: {error}") from error
    if not hasattr(module, "Options"):
        raise LookupError(f"module {kind!r} defines no class named Options")
    options, base = module.Options, OPTIONS_BASES[group]
    if not (isinstance(options, type) and issubclass(options, base)):
        raise LookupError(
            f"{kind}.Options are no options of {group} (derive them from {base.__module__}."
            f"{base.__name__}, or name another module)"
        )
    return options


def graph_module(group: str, kind: str) -> ModuleType:
    """The ``graph`` module of a slice; imports TensorFlow or Keras."""
    return importlib.import_module(f"{slice_module(group, kind)}.graph")


def _feature_options(value: object) -> object:
    if isinstance(value, dict) and "kind" in value:
        return options_class("features", value["kind"]).model_validate(value)
    return value


def _task_options(value: object) -> object:
    if isinstance(value, dict) and "kind" in value:
        return options_class("tasks", value["kind"]).model_validate(value)
    return value


AnyFeature = Annotated[SerializeAsAny[FeatureOptions], BeforeValidator(_feature_options)]
"""Options of any feature kind; parsed from JSON by their ``kind``."""

AnyTask = Annotated[SerializeAsAny[TaskOptions], BeforeValidator(_task_options)]
"""Options of any task; parsed from JSON by their ``kind``."""
