"""Forecast: the steps that follow a series (many to many, not aligned)."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from models.features.series import Options as SeriesOptions
from models.options import FeatureOptions, LabelCount, TaskOptions
from models.raw import Raw, RawError, RawValue, column_value, is_missing_number
from models.tasks.forecast.names import base_metrics, metric_at

Level = Annotated[float, Field(gt=0.0, lt=1.0)]
DEFAULT_LEVELS = (0.1, 0.5, 0.9)


class Options(TaskOptions):
    """Options of a forecasting task.

    Attributes:
        label: column with what follows: ``[horizon]`` numbers or, of several channels, as many a
            step.
        horizon: steps that are forecast.
        context: the series feature that is continued.  It has ``scale: none``: each window is
            scaled by itself.
        channels: which of its channels are forecast, counted from 0; all of them if null.
        known: sequence features over context and horizon, known in advance.
        scale: what a window's numbers are divided by, each channel by itself: the ``mean`` of
            their sizes; their ``standard`` deviation, the mean being taken away before; the mean
            size of their ``seasonal`` differences, likewise; ``balanced``, the geometric mean of
            these two; or ``none``.  ``mean`` if left out, ``standard`` of logarithms.
        log: forecasts the logarithms of the numbers, which are above 0: errors count in proportion.
        residual: the network says what is to be added to this: ``none``, ``persistence`` (the last
            value goes on), ``seasonal`` (the last season over again).
        season: its length in steps; 1 for none.
        linear: so many of the last steps also go to the forecast by a linear map, the same of all
            channels (Lai et al. 2018, section 3.6, https://arxiv.org/abs/1703.07015); none if null.
        decoding: ``direct`` says all steps at once; ``autoregressive`` has a cell step over the
            horizon that reads its own last forecast.
        head: ``point``, ``quantiles``, or the parameters of a ``gaussian``, ``student_t`` or
            ``negative_binomial`` distribution.
        loss: of points, in units of the scale: ``mae``, ``mse`` or ``huber``.
        quantiles: levels that are learnt (``head: quantiles``) or served; 0.1, 0.5 and 0.9 unless
            stated.
        steps: of the horizon, counted from 1, that metrics are also given of, each by itself.
        missing: a number of the label that is missing: ``fail`` makes the row a bad one, ``mask``
            leaves the number out of the loss and the metrics.
        seasonal_error: column with the mean size of the seasonal differences of all that came
            before the horizon, a number or one a channel; MASE divides by it.
        naive2: column with the forecast of the M4 competition's Naive2, in the label's form; OWA
            divides by its errors.
        metric: the one that the release compares.
    """

    read_by: ClassVar[tuple[str, ...]] = (
        *TaskOptions.read_by,
        *("horizon", "context", "channels", "known", "log", "head", "missing"),
        *("seasonal_error", "naive2"),
    )
    training_metrics: ClassVar[tuple[str, ...]] = ("mae",)

    label: str = "target"
    horizon: int = Field(ge=1, le=100_000)
    context: str = "context"
    channels: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(None, min_length=1)
    known: tuple[str, ...] = ()
    scale: Literal["mean", "standard", "seasonal", "balanced", "none"] | None = None
    log: bool = False
    residual: Literal["none", "persistence", "seasonal"] = "none"
    season: int = Field(1, ge=1, le=1_000_000)
    linear: int | None = Field(None, ge=1, le=1_000_000)
    decoding: Literal["direct", "autoregressive"] = "direct"
    head: Literal["point", "quantiles", "gaussian", "student_t", "negative_binomial"] = "point"
    loss: Literal["mae", "mse", "huber"] | None = None
    quantiles: tuple[Level, ...] | None = Field(None, min_length=1)
    steps: tuple[Annotated[int, Field(ge=1)], ...] = ()
    missing: Literal["fail", "mask"] = "fail"
    seasonal_error: str | None = None
    naive2: str | None = None
    metric: str = "mae"

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of the quantiles that are served; none of points."""
        if self.head == "point":
            return ()
        return self.quantiles if self.quantiles is not None else DEFAULT_LEVELS

    @property
    def scaling(self) -> str:
        """What a window is scaled by."""
        return self.scale or ("standard" if self.log else "mean")

    @property
    def point_loss(self) -> str:
        """The loss of points."""
        return self.loss or "mae"

    @property
    def width(self) -> int:
        """How many channels are forecast; known once the options are bound to the features."""
        return len(self.channels or ())

    @property
    def raw(self) -> Raw:
        shape = (self.horizon,) if self.width <= 1 else (self.horizon, self.width)
        return Raw(dtype="float", shape=shape, nullable=self.missing == "mask")

    @property
    def targets(self) -> dict[str, Raw]:
        found = {self.label: self.raw}
        if self.seasonal_error is not None:
            shape = () if self.width <= 1 else (self.width,)
            found[self.seasonal_error] = Raw(dtype="float", shape=shape, nullable=True)
        if self.naive2 is not None:
            found[self.naive2] = self.raw.model_copy(update={"nullable": True})
        return found

    @property
    def columns(self) -> dict[str, str]:
        named = {"label": self.label, "seasonal_error": self.seasonal_error, "naive2": self.naive2}
        return {f"task.{field}": column for field, column in named.items() if column is not None}

    @property
    def metric_names(self) -> tuple[str, ...]:
        base = base_metrics(
            bool(self.levels), self.seasonal_error is not None, self.naive2 is not None
        )
        return base + tuple(metric_at(name, step) for step in self.steps for name in base)

    @property
    def release_metric(self) -> str:
        return self.metric

    @property
    def higher_is_better(self) -> dict[str, bool]:
        return {name: name.startswith(("corr", "coverage")) for name in self.metric_names}

    def read(self, fields: Mapping[str, Any]) -> dict[str, RawValue]:
        return {
            name: self.read_label(fields)
            if name == self.label
            else form.read(name, column_value(fields, name))
            for name, form in self.targets.items()
        }

    def read_present(self, value: Any) -> RawValue:
        found = super().read_present(value)
        numbers, _ = self.raw.flattened(found)
        if all(is_missing_number(number) for number in numbers):
            raise RawError(f"column {self.label!r} holds no number, and such a row teaches nothing")
        if self.log:
            self._check_positive(f"column {self.label!r}", numbers)
        if self.head == "negative_binomial":
            wrong = [number for number in numbers if number < 0 or number % 1 > 0]
            if wrong:
                raise RawError(
                    f"column {self.label!r} holds {wrong[0]:g}, and head: negative_binomial "
                    "forecasts counts (take another head)"
                )
        return found

    def _check_positive(self, what: str, numbers: Iterable[float]) -> None:
        wrong = [number for number in numbers if number <= 0]
        if wrong:
            raise RawError(
                f"{what} holds {wrong[0]:g}, and log: true reads numbers above 0 (take log out, or "
                "shift the numbers)"
            )

    def check_row(self, targets: Mapping[str, RawValue], values: Mapping[str, RawValue]) -> None:
        super().check_row(targets, values)
        steps = len(values[self.context])
        if not steps:
            raise RawError(f"feature {self.context!r} has no step that could be continued")
        if self.log:
            numbers = (number for step in values[self.context] for number in step)
            self._check_positive(f"feature {self.context!r}", numbers)
        for name in self.known:
            if len(values[name]) != steps + self.horizon:
                raise RawError(
                    f"feature {name!r} has {len(values[name])} steps, where {steps} of the context "
                    f"{self.context!r} and horizon: {self.horizon} make {steps + self.horizon}"
                )

    def bound(self, features: Mapping[str, FeatureOptions]) -> Self:
        """Looks whether the features go with the task; all channels are forecast unless stated."""
        context = features.get(self.context)
        series = [name for name, each in features.items() if isinstance(each, SeriesOptions)]
        if not isinstance(context, SeriesOptions):
            raise ValueError(
                f"context: {self.context!r} is no feature of kind series; those are: "
                f"{', '.join(series) or 'none'}"
            )
        if context.scale != "none" or context.log1p or not context.keeps_steps:
            raise ValueError(
                f"feature {self.context!r}: forecast scales each window by itself (give the "
                "feature scale: none, and neither log1p nor max_length; the task has scale:)"
            )
        channels = tuple(range(context.depth)) if self.channels is None else self.channels
        if max(channels) >= context.depth or len(set(channels)) < len(channels):
            raise ValueError(
                f"channels: {list(channels)}: each once, from 0 to {context.depth - 1} (the depth "
                f"of {self.context!r} is {context.depth})"
            )
        for name in self.known:
            each = features.get(name)
            if name == self.context or each is None or not each.raw.is_sequence:
                others = [
                    other
                    for other, options in features.items()
                    if options.raw.is_sequence and other != self.context
                ]
                raise ValueError(
                    f"known: {name!r} is no sequence feature beside the context; those are: "
                    f"{', '.join(others) or 'none'}"
                )
            if not each.keeps_steps:
                raise ValueError(
                    f"feature {name!r} is known in advance, step by step (leave out max_length)"
                )
        return self.model_copy(update={"channels": channels})

    def label_problems(
        self, labels: Mapping[str, Mapping[str, LabelCount]]
    ) -> tuple[list[str], list[str]]:
        """Nothing: numbers are not counted."""
        return [], []

    def counted(self, targets: Mapping[str, RawValue]) -> Iterable[str]:
        return ()

    @field_validator("quantiles")
    @classmethod
    def _levels_rise(cls, levels: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if levels is not None and list(levels) != sorted(set(levels)):
            raise ValueError(f"quantiles: {list(levels)}: write the levels rising, each once")
        return levels

    @model_validator(mode="after")
    def _options_that_something_takes(self) -> Self:
        if self.head == "point" and self.quantiles is not None:
            raise ValueError("quantiles with head: point, which has none (write head: quantiles)")
        if self.head != "point" and self.loss is not None:
            raise ValueError(f"loss is of head: point; {self.head} has its own (take it out)")
        if self.log and self.head not in ("point", "quantiles"):
            raise ValueError(f"log: true is of points and quantiles, not of head: {self.head}")
        if self.log and self.scaling not in ("standard", "seasonal", "balanced"):
            raise ValueError(
                f"log: true with scale: {self.scale}: logarithms have no size to be divided by "
                "(write scale: standard, seasonal or balanced)"
            )
        if self.head == "quantiles" and 0.5 not in self.levels:
            raise ValueError("quantiles: 0.5 is missing, the median, which is the forecast")
        if self.head == "negative_binomial" and (
            self.residual != "none" or self.linear or self.scaling not in ("mean", "none")
        ):
            raise ValueError(
                "head: negative_binomial says counts themselves: write residual: none, scale: mean "
                "or none, and no linear:"
            )
        if self.residual == "seasonal" and self.season == 1:
            raise ValueError("residual: seasonal needs season: its length in steps, 2 or more")
        if self.linear and self.decoding == "autoregressive":
            raise ValueError("linear: is of decoding: direct (take one of them out)")
        if self.naive2 is not None and self.seasonal_error is None:
            raise ValueError("naive2 gives OWA, which needs seasonal_error: too")
        return self

    @model_validator(mode="after")
    def _metrics_that_there_are(self) -> Self:
        beyond = [step for step in self.steps if step > self.horizon]
        if beyond or len(set(self.steps)) < len(self.steps):
            raise ValueError(
                f"steps: {list(self.steps)}: each once, from 1 to horizon: {self.horizon}"
            )
        if self.metric not in self.metric_names:
            raise ValueError(
                f"metric: {self.metric!r} is none of {', '.join(self.metric_names)} (mase needs "
                "seasonal_error:, owa naive2: too, a single step steps:)"
            )
        return self
