"""The steps of the series in a file, in the order of the file, whatever its layout."""

from collections.abc import Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any, BinaryIO, NamedTuple

from components.ingest.numbers import number
from components.ingest.records import (
    Record,
    came,
    column_names,
    delimiter_of,
    delimiter_remedy,
    records,
)
from components.ingest.rows import BadFile
from components.ingest.series_options import Options
from components.ingest.times import time_number
from components.ingest.windows import Step
from models.options import did_you_mean
from models.raw import RawError


class Event(NamedTuple):
    """A step of a series, or what is wrong where one should be.

    Attributes:
        line: where it stands.
        series: its name; None for a line that does not say whose it is.
        static: the columns that do not change within a series.
        step: the step; its time is None where the file has no times.
        moment: the time as a number.
        problem: why there is no step.
        came: the line as it stood.
    """

    line: int
    series: str | None = None
    static: Mapping[str, Any] = MappingProxyType({})
    step: Step | None = None
    moment: float | None = None
    problem: str = ""
    came: str = ""


def read_steps(
    stream: BinaryIO, path: str, options: Options, name: str
) -> tuple[list[str], Iterator[Event]]:
    """The columns of values, and the steps.

    Args:
        stream: the file.
        path: of it, for messages.
        options: of the data.
        name: of the file, and so of its series where nothing else names it.

    Raises:
        BadFile: the file is empty, or its columns are not those that the options name.
    """
    delimiter = delimiter_of(path, options.delimiter)
    read = records(stream, path, delimiter)
    columns, first = column_names(read, path, options.header, options.columns)
    remedy = delimiter_remedy(first[0].cells if first else columns, options.decimal)
    if remedy:
        raise BadFile(path, 1, f"the first line is one cell {remedy}")
    places = {column: place for place, column in enumerate(columns)}
    for option, column in [*options.named_columns, *(("values", c) for c in options.values or ())]:
        if column not in places:
            raise BadFile(
                path,
                1,
                f"no column {column!r} (data.{option}); the columns are "
                f"{', '.join(columns[:20])}{', ...' * (len(columns) > 20)}"
                f"{did_you_mean(column, columns)}",
            )
    named = {column for _, column in options.named_columns}
    values = options.values or [column for column in columns if column not in named]
    if not values:
        raise BadFile(path, 1, "no column is left for values; all of them are named otherwise")
    for column in options.targets or ():
        if column not in values:
            raise BadFile(path, 1, f"targets: no column {column!r} among the values")
    table = _Table(options, places, values, name, len(columns), delimiter)
    found: Iterator[Record] = chain(first, read)
    if options.layout == "rows":
        return values, chain.from_iterable(map(table.series_of_row, found))
    if options.order == "sort":
        found = iter(sorted(found, key=table.position))
    return values, chain.from_iterable(map(table.steps_of_line, found))


class _Table:
    """Reads lines by the places of their columns."""

    def __init__(
        self,
        options: Options,
        places: Mapping[str, int],
        values: list[str],
        name: str,
        width: int,
        delimiter: str,
    ):
        self._options, self._name, self._width, self._delimiter = options, name, width, delimiter
        self._values = [(column, places[column]) for column in values]
        self._known = [places[column] for column in options.known]
        self._static = [(column, places[column]) for column in options.static]
        self._series = None if options.series is None else places[options.series]
        self._time = None if options.timestamps is None else places[options.timestamps]

    def position(self, record: Record) -> tuple[bool, str, float]:
        """Where a line belongs; those that cannot be read come first."""
        try:
            series = "" if self._series is None else record.cells[self._series].strip()
            return True, series, 0.0 if self._time is None else self._moment(record.cells)
        except (IndexError, RawError):
            return False, "", 0.0

    def _moment(self, cells: list[str]) -> float:
        assert self._time is not None and self._options.timestamps is not None
        return time_number(cells[self._time], self._options.timestamps)

    def _bad(
        self,
        record: Record,
        problem: str,
        series: str | None = None,
        static: Mapping[str, Any] = MappingProxyType({}),
    ) -> Event:
        text = came(record, self._delimiter)
        return Event(record.line, series, static, problem=problem, came=text)

    def steps_of_line(self, record: Record) -> Iterator[Event]:
        """The step of a line; one for each series, where every column is one."""
        cells = record.cells
        problem = record.problem
        if problem is None and len(cells) != self._width:
            problem = (
                f"has {len(cells)} cell{'s' * (len(cells) != 1)}, where {self._width} columns are "
                "read; is a delimiter or a quote missing?"
            )
        if problem is not None:
            yield self._bad(record, problem)
            return
        series = self._name if self._series is None else cells[self._series].strip()
        if not series:
            yield self._bad(record, f"column {self._options.series!r} (data.series) is empty")
            return
        static = {column: cells[place].strip() for column, place in self._static}
        moment, time = None, None
        if self._time is not None:
            time = cells[self._time].strip()
            try:
                moment = self._moment(cells)
            except RawError as error:
                yield self._bad(
                    record, str(error), None if self._series is None else series, static
                )
                return
        known = [cells[place].strip() or None for place in self._known]
        if self._options.each_column == "channel":
            yield self._event(record, series, static, time, moment, self._values, known)
            return
        for column in self._values:
            yield self._event(record, column[0], static, time, moment, [column], known)

    def _event(
        self,
        record: Record,
        series: str,
        static: Mapping[str, Any],
        time: str | None,
        moment: float | None,
        columns: list[tuple[str, int]],
        known: list[Any],
    ) -> Event:
        decimal, keep = self._options.decimal, self._options.missing == "keep"
        try:
            values = [number(record.cells[p], name, decimal, keep) for name, p in columns]
        except ValueError as error:
            return self._bad(record, str(error), series, static)
        return Event(record.line, series, static, Step(record.line, time, values, known), moment)

    def series_of_row(self, record: Record) -> Iterator[Event]:
        """The steps of a line that holds a series."""
        cells, options = record.cells, self._options
        named = {place for _, place in self._static} | {self._series} - {None}
        series = f"{self._name}:{record.line}"
        if record.problem is not None:
            yield self._bad(record, record.problem, series)
            return
        if options.has_header and len(cells) > self._width:
            problem = f"has {len(cells)} cells, but the header names {self._width}"
            yield self._bad(record, problem, series)
            return
        if named and max(named) >= len(cells):
            problem = f"has {len(cells)} cells, too few for the columns that data names"
            yield self._bad(record, problem, series)
            return
        if self._series is not None:
            series = cells[self._series].strip()
            if not series:
                problem = f"column {options.series!r} (data.series) is empty"
                yield self._bad(record, problem, f"{self._name}:{record.line}")
                return
        static = {column: cells[place].strip() for column, place in self._static}
        steps = [(place, cell) for place, cell in enumerate(cells) if place not in named]
        while steps and not steps[-1][1].strip():
            steps.pop()
        if not steps:
            yield self._bad(record, "holds no number, only what names the series", series)
        keep = options.missing == "keep"
        for place, cell in steps:
            try:
                value = number(cell, str(place + 1), options.decimal, keep)
            except ValueError as error:
                yield self._bad(record, str(error), series, static)
            else:
                yield Event(record.line, series, static, Step(record.line, None, [value]))
