"""Options of time series; what they mean together is checked before anything is read."""

from typing import Literal

from pydantic import Field, model_validator

from components.ingest.numbers import Column, NumberTableOptions
from components.ingest.splits import SplitByColumn

PART = "part"
OWN_FIELDS = (
    *("series", "start", "target_time", "context", "target", "values", PART),
    *("seasonal_error", "naive2"),
)
"""Fields that the reader gives its rows, which therefore no other column may be called."""


class Options(NumberTableOptions):
    """Options of time series.

    Attributes:
        layout: ``wide`` (a step a line, a channel a column), ``long`` (a step a line; a column
            names the series) or ``rows`` (a series a line, ragged to the right).
        series: column that names the series; in ``rows`` it may be left out, and file and line
            do.
        timestamps: column that says when a step was: numbers or ISO 8601 dates or times.
        values: columns of numbers, the channels; all that are not named otherwise if null.
        targets: those of them that are to be forecast; all if null.
        known: columns that are known in advance (calendar, prices) or go with each step; rows hold
            them as lists over context and horizon, by their own names.
        static: columns that do not change within a series, such as its label.
        each_column: what a column of values in ``wide`` is: a ``channel`` of one series, or a
            ``series`` of its own.
        context: steps that a window knows; a series is one row if null.
        horizon: steps that follow and are to be forecast.
        stride: steps from a window's start to the next one's.
        short: what is done with a series shorter than a window: ``skip`` counts it, ``shorten``
            gives it a window with less context.
        hold_out_ends: the last ``horizon`` steps of each series are test's, those before them
            validate's (a window each), windows that end before them train's; the column ``part``
            says so, for ``split: {by: column, column: part}``.
        future: file beside that of ``data.path``, of the same form, with the steps that follow
            each series: the first ``horizon`` of them are test's, and the rest is as with
            ``hold_out_ends``.
        season: steps of a season (24 for hours of a day, 1 for none): rows have ``seasonal_error``,
            the mean size of the seasonal differences of all that the series had before the target.
        naive2: rows also have ``naive2``, what the M4 competition's Naive2 forecasts from all that
            the series had before; its time goes with that.
        order: ``file`` (a series' lines stand together, in the order of time) or ``sort`` (the
            whole file is held in memory, and sorted by series and time).
    """

    layout: Literal["wide", "long", "rows"]
    series: Column | None = None
    timestamps: Column | None = None
    values: list[Column] | None = Field(None, min_length=1)
    targets: list[Column] | None = Field(None, min_length=1)
    known: list[Column] = []
    static: list[Column] = []
    each_column: Literal["channel", "series"] = "channel"
    context: int | None = Field(None, ge=1, le=1_000_000)
    horizon: int = Field(0, ge=0, le=1_000_000)
    stride: int = Field(1, ge=1)
    short: Literal["skip", "shorten"] = "skip"
    hold_out_ends: bool = False
    future: str | None = None
    season: int | None = Field(None, ge=1, le=1_000_000)
    naive2: bool = False
    order: Literal["file", "sort"] = "file"

    @property
    def ends_are_held_out(self) -> bool:
        """Whether rows say in ``part`` which split they are for."""
        return self.hold_out_ends or self.future is not None

    @property
    def named_columns(self) -> list[tuple[str, str]]:
        """Columns with a role of their own, each after the option that names it."""
        one = [("series", self.series), ("timestamps", self.timestamps)]
        return [(option, column) for option, column in one if column is not None] + [
            (option, column) for option in ("known", "static") for column in getattr(self, option)
        ]

    @model_validator(mode="after")
    def _layout_has_these(self) -> "Options":
        if self.layout == "long" and self.series is None:
            raise ValueError(
                "layout: long needs series: the column that names the series (a file of one series "
                "is layout: wide)"
            )
        refused = {
            "wide": ["series"],
            "long": ["each_column"],
            "rows": ["timestamps", "values", "targets", "known", "each_column", "order"],
        }
        stated = [option for option in refused[self.layout] if option in self.stated]
        if stated:
            raise ValueError(f"{stated[0]}: layout: {self.layout} has none (take it out)")
        if self.each_column == "series" and (self.static or self.targets):
            raise ValueError(
                "each_column: series has no static: and no targets: columns, as every column of "
                "values is a series"
            )
        return self

    @model_validator(mode="after")
    def _columns_have_one_role(self) -> "Options":
        given = [*self.named_columns, *(("values", column) for column in self.values or ())]
        seen: dict[str, str] = {}
        for option, column in given:
            if column in seen:
                raise ValueError(f"column {column!r} is named by {seen[column]} and by {option}")
            seen[column] = option
            if option in ("known", "static") and column in OWN_FIELDS:
                raise ValueError(
                    f"{option}: {column!r} is what the reader calls a field of its own (rename the "
                    f"column; taken are {', '.join(OWN_FIELDS)})"
                )
        strange = [name for name in self.targets or () if self.values and name not in self.values]
        if strange:
            raise ValueError(f"targets: {strange[0]!r} is none of values: {', '.join(self.values)}")
        return self

    @model_validator(mode="after")
    def _windows_are_whole(self) -> "Options":
        if self.context is None:
            stated = self.stated & {
                "horizon",
                "stride",
                "short",
                "hold_out_ends",
                "future",
                "season",
            }
            if stated:
                raise ValueError(
                    f"{min(stated)} is of windows: state context: (without it, a series is one row)"
                )
        if self.naive2 and self.season is None:
            raise ValueError("naive2 needs season: its length in steps (1 for none)")
        for option in ("hold_out_ends", "future", "targets", "season"):
            if getattr(self, option) and not self.horizon:
                raise ValueError(f"{option} needs horizon: the steps that are to be forecast")
        if self.order == "sort" and self.series is None and self.timestamps is None:
            raise ValueError("order: sort needs timestamps: the column to sort by")
        if self.future is not None and "://" in self.future:
            raise ValueError(f"{self.future!r} came; future: names a file beside that of data.path")
        by_part = isinstance(self.split, SplitByColumn) and self.split.column == PART
        if self.ends_are_held_out and not by_part:
            option = "future" if self.future else "hold_out_ends"
            raise ValueError(
                f"{option} says in column {PART!r} which split a window is for; write split: "
                f"{{by: column, column: {PART}}}"
            )
        return self
