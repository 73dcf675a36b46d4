"""What a search may change of an experiment, and how a trial's values become options.

Importing it imports neither TensorFlow nor keras-tuner: the ``HyperParameters`` are handed in.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, Protocol

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from models.options import Options, did_you_mean
from models.spec import NetworkOptions, TrainingOptions

SECTIONS: dict[str, type[Options]] = {"network": NetworkOptions, "training": TrainingOptions}
NOT_SEARCHED = {
    "training.epochs": "write tune.epochs, the epochs of a trial",
    "training.seed": "the luckiest seed is no better a model",
    "network.build_model": "one function may build different networks by what it asks of `hp`",
}
OWN_PREFIX = "tuner/"
"""Of the values that Hyperband adds for itself."""


class Between(Options):
    """A range of numbers.

    Attributes:
        min: the smallest.
        max: the largest.
        step: distance of the numbers tried; any number if left out (whole ones for a field that
            takes whole ones).  Not with ``scale: log``.
        scale: ``log`` draws as many from each decade as from any other.
    """

    min: float
    max: float
    step: float | None = Field(None, gt=0.0)
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _is_a_range(self) -> "Between":
        if self.min >= self.max:
            raise ValueError(f"min {self.min:g} is not below max {self.max:g}")
        if self.scale == "log" and self.min <= 0:
            raise ValueError(f"scale: log needs a min above 0; {self.min:g} came")
        if self.scale == "log" and self.step is not None:
            raise ValueError("scale: log takes no step")
        return self


def _dimension(value: object) -> object:
    return Between.model_validate(value) if isinstance(value, dict) else value


Dimension = Annotated[Between | tuple[Any, ...], BeforeValidator(_dimension)]
"""A range, or the values to choose from."""

DEFAULT_SPACE: dict[str, Any] = {
    "network.units": (32, 64, 128),
    "network.dropout": Between(min=0.0, max=0.5, step=0.1),
    "training.learning_rate": Between(min=3e-4, max=1e-2, scale="log"),
}


class TuneOptions(Options):
    """How a search for better network and training options goes.

    The experiment's own values are trained too, beside the trials; the best on the validate split
    wins and is what the Trainer uses.

    Attributes:
        algorithm: ``random``; ``bayesian`` learns from the trials before; ``hyperband`` trains
            many for a few epochs and goes on with the best.
        trials: how many; Hyperband decides by itself from epochs, factor and iterations.
        objective: ``loss`` or one of the task's training metrics, on the validate split.
        epochs: of a trial, at most; ``training.epochs`` if left out.
        factor: of Hyperband: one in so many is gone on with, for so many times the epochs; 3 if
            left out.
        iterations: of Hyperband: how often the whole of it is done; once if left out.
        space: what is tried, by field: a list of values, or a range ``{min, max, step, scale}``;
            if left out, units, dropout and learning rate (or, of a network of your own, what its
            function asks for).
        parallel: trials at a time, each in a process with its share of the cores; by default as
            many as there are cores, and memory of 2 GB for each.
        seed: another seed, other trials.
        in_run: whether ``rondo run`` searches too; ``rondo tune`` always does.
    """

    algorithm: Literal["random", "bayesian", "hyperband"] = "random"
    trials: int | None = Field(None, ge=1, le=100_000)
    objective: str = "loss"
    epochs: int | None = Field(None, ge=1, le=10_000)
    factor: int | None = Field(None, ge=2, le=100)
    iterations: int | None = Field(None, ge=1, le=1000)
    space: dict[str, Dimension] | None = None
    parallel: int | None = Field(None, ge=1, le=1024)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    in_run: bool = True

    @field_validator("space")
    @classmethod
    def _known_fields(cls, space: dict[str, Any] | None) -> dict[str, Any] | None:
        problems = [problem for path in space or () for problem in _problems(path, space[path])]
        if problems:
            raise ValueError("; ".join(problems))
        return space

    @model_validator(mode="after")
    def _fits_the_algorithm(self) -> "TuneOptions":
        if self.algorithm == "hyperband":
            if self.trials is not None:
                raise ValueError(
                    "trials: hyperband decides how many there are, from epochs, factor and "
                    "iterations (leave trials out)"
                )
        elif self.factor is not None or self.iterations is not None:
            raise ValueError(
                f"factor and iterations are hyperband's; algorithm is {self.algorithm}"
            )
        return self

    @property
    def most_trials(self) -> int | None:
        """Trials at most; None lets Hyperband decide."""
        return None if self.algorithm == "hyperband" else self.trials or 10


def space_of(tune: TuneOptions, network: NetworkOptions) -> dict[str, Any]:
    """The fields that a search tries; a network of the user's own declares its own values."""
    if tune.space is not None:
        return tune.space
    return DEFAULT_SPACE if network.build_model is None else {}


def _problems(path: str, dimension: Between | tuple[Any, ...]) -> Iterator[str]:
    if path in NOT_SEARCHED:
        yield f"{path} cannot be searched: {NOT_SEARCHED[path]}"
        return
    if path not in searched_fields():
        yield (
            f"{path} is no field of network or training"
            f"{did_you_mean(path, searched_fields())}; allowed: {', '.join(searched_fields())}"
        )
        return
    values = (dimension.min, dimension.max) if isinstance(dimension, Between) else dimension
    if not values:
        yield f"{path}: give at least one value, or {{min: ..., max: ...}}"
    if isinstance(dimension, Between) and _kind(path) not in (int, float):
        yield f"{path} takes no number; give the list of values to choose from"
        return
    for value in values:
        problem = _problem_of_value(path, _number(path, value))
        if problem:
            yield f"{path}: {value!r}: {problem}"


def searched_fields() -> list[str]:
    """Fields that a search may change, ``section.field``."""
    return [
        path
        for section, options in SECTIONS.items()
        for field in options.model_fields
        for path in _paths(f"{section}.{field}", options.model_fields[field].annotation)
        if path not in NOT_SEARCHED
    ]


def _paths(path: str, annotation: Any) -> list[str]:
    inner = [kind for kind in getattr(annotation, "__args__", ()) if _is_options(kind)]
    return [path, *(f"{path}.{name}" for kind in inner for name in kind.model_fields)]


def _is_options(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Options)


def _kind(path: str) -> type | None:
    """``int`` or ``float`` if the field takes such numbers."""
    section, *names = path.split(".")
    options: Any = SECTIONS[section]
    for name in names:
        annotation = options.model_fields[name].annotation
        parts = [annotation, *getattr(annotation, "__args__", ())]
        options = next((part for part in parts if _is_options(part)), None)
    return next((kind for kind in (int, float) if kind in parts), None)


def _number(path: str, value: Any) -> Any:
    whole = isinstance(value, float) and value.is_integer() and _kind(path) is int
    return int(value) if whole else value


def _problem_of_value(path: str, value: Any) -> str | None:
    """What is wrong with a value by itself; whether it goes with the others shows in its trial."""
    section, *names = path.split(".")
    try:
        SECTIONS[section].model_validate(_nested({}, names, value))
    except ValidationError as error:
        for problem in error.errors():
            if problem["loc"] and problem["loc"][0] == names[0]:
                return problem["msg"].removeprefix("Value error, ")
    return None


def _nested(options: Mapping[str, Any], names: list[str], value: Any) -> dict[str, Any]:
    if len(names) == 1:
        return {**options, names[0]: value}
    return {**options, names[0]: _nested(options.get(names[0]) or {}, names[1:], value)}


class HyperParameters(Protocol):
    """The part of keras-tuner's HyperParameters that is used here."""

    values: dict[str, Any]

    def Choice(self, name: str, values: list[Any]) -> Any: ...

    def Int(self, name: str, min_value: int, max_value: int, **options: Any) -> int: ...

    def Float(self, name: str, min_value: float, max_value: float, **options: Any) -> float: ...


class Chosen(NamedTuple):
    """The options of a trial, or of the Trainer."""

    network: NetworkOptions
    training: TrainingOptions


def declare(hp: HyperParameters, space: Mapping[str, Between | tuple[Any, ...]]) -> None:
    """Tells keras-tuner of the space.

    What is no plain value (a list, null) goes by its JSON, since keras-tuner chooses among
    numbers, strings and booleans of one type.
    """
    for path, dimension in space.items():
        if not isinstance(dimension, Between):
            hp.Choice(path, [_encoded(value, dimension) for value in dimension])
            continue
        options = {"sampling": dimension.scale}
        if _kind(path) is int:
            step = {"step": int(dimension.step)} if dimension.step else {}
            hp.Int(path, int(dimension.min), int(dimension.max), **options, **step)
        else:
            step = {"step": dimension.step} if dimension.step else {}
            hp.Float(path, dimension.min, dimension.max, **options, **step)


def _encoded(value: Any, among: tuple[Any, ...]) -> Any:
    plain = all(isinstance(other, str) for other in among) or all(
        isinstance(other, bool) for other in among
    )
    numbers = all(isinstance(other, int | float) and not isinstance(other, bool) for other in among)
    if plain:
        return value
    if numbers:
        return float(value) if any(isinstance(other, float) for other in among) else value
    return json.dumps(value)


def chosen(
    network: NetworkOptions,
    training: TrainingOptions,
    space: Mapping[str, Between | tuple[Any, ...]],
    values: Mapping[str, Any],
) -> Chosen:
    """The experiment's options with a trial's values in their places.

    Args:
        network: the experiment's own.
        training: the experiment's own.
        space: the search space.
        values: by field, as keras-tuner gave them; of fields outside the space none is used.

    Raises:
        pydantic.ValidationError: the values do not go together.
    """
    options = {"network": network.model_dump(), "training": training.model_dump()}
    for path, value in decoded(space, values).items():
        section, *names = path.split(".")
        options[section] = _nested(options[section], names, value)
    return Chosen(
        NetworkOptions.model_validate(options["network"]),
        TrainingOptions.model_validate(options["training"]),
    )


def decoded(
    space: Mapping[str, Between | tuple[Any, ...]], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Values by field as an experiment states them, those of the space only."""
    found = {}
    for path, dimension in space.items():
        if path not in values:
            continue
        value = values[path]
        if not isinstance(dimension, Between):
            originals = {repr(_encoded(other, dimension)): other for other in dimension}
            value = originals.get(repr(value), value)
        found[path] = value
    return found


def own_values(
    network: NetworkOptions, training: TrainingOptions, space: Mapping[str, Any]
) -> dict[str, Any]:
    """The experiment's own values of the fields of a space."""
    sections = {"network": network.model_dump(), "training": training.model_dump()}
    found = {}
    for path in space:
        section, *names = path.split(".")
        value: Any = sections[section]
        for name in names:
            value = None if value is None else value[name]
        found[path] = list(value) if isinstance(value, tuple) else value
    return found
