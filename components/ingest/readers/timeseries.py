"""Reader of time series: tables of numbers, cut into windows that forecast or are classified.

``layout: wide`` has a step a line and a channel (or, with ``each_column: series``, a series) a
column; ``long`` a step a line, with a column that names the series; ``rows`` a series a line,
ragged to the right.

    data: {path: rates.txt.gz, format: timeseries, layout: wide, header: false, context: 168,
      horizon: 24, time: target_time, split: {by: time, gap: 24}}

A row then holds ``series``, ``start`` (time of its first step), ``context`` ``[context]`` or, of
several channels, ``[context][channels]``, ``target`` ``[horizon]`` or ``[horizon][channels]``,
``target_time`` (of the first step of it), with ``season`` and ``naive2`` figures of what came
before it (see ``components.ingest.in_sample``), each ``known`` column over context and horizon, and
the ``static`` ones.  Without ``context``, a series is a row: ``series``, ``start``, ``values``, and
these columns.  Times are as the file has them; without ``timestamps`` they are the number of the
step, from 0.

A file is read step by step.  Held in memory are the steps of a window (of a series, where that is
a row), the file that ``future`` names, with ``season`` the numbers of a series, and with ``order:
sort`` the whole file.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO

from components.ingest.lines import name_in_data
from components.ingest.options import DataOptions
from components.ingest.parts import UNREADABLE, local
from components.ingest.rows import BadFile, Row
from components.ingest.series_options import Options
from components.ingest.steps import Event, read_steps
from components.ingest.windows import Cut, WholeSeries, Windows
from models.raw import shown

__all__ = ["PATTERNS", "Options", "companions", "rows"]

PATTERNS = ("*.csv", "*.csv.gz", "*.tsv", "*.tsv.gz", "*.txt", "*.txt.gz")


def companions(path: str, options: DataOptions) -> list[str]:
    """The file with the steps that follow."""
    assert isinstance(options, Options)
    return [] if options.future is None else [_beside(path, options.future)]


def _beside(path: str, name: str) -> str:
    return os.path.join(os.path.dirname(path), name)


def rows(stream: BinaryIO, path: str, options: Options) -> Iterator[Row]:
    """Yields the windows of each series, or each series.

    Raises:
        BadFile: the file is empty, its columns are not those that the options name, or the file
            with the steps that follow cannot be read.
    """
    following = None if options.future is None else _following(path, options)
    values, events = read_steps(stream, path, options, name_in_data(path, options))
    cut = Cut(
        context=options.context,
        horizon=options.horizon,
        stride=options.stride,
        shorten=options.short == "shorten",
        hold_out_ends=options.ends_are_held_out,
        targets=None if options.targets is None else tuple(map(values.index, options.targets)),
        known=tuple(options.known),
        season=options.season,
        naive2=options.naive2,
    )
    yield from _Series(path, options, cut, following).rows(events)


def _following(path: str, options: Options) -> dict[str, list[Event]]:
    """The steps of each series in the file that ``future`` names, up to the horizon."""
    assert options.future is not None
    if "://" in path:
        raise BadFile(path, None, "future: reads files of this machine (copy both files)")
    other = _beside(path, options.future)
    found: dict[str, list[Event]] = {}
    line = None
    try:
        with local(other) as stream:
            for event in read_steps(stream, other, options, name_in_data(path, options))[1]:
                line = event.line
                if event.step is None or event.series is None:
                    raise BadFile(other, line, event.problem)
                steps = found.setdefault(event.series, [])
                if len(steps) < options.horizon:
                    steps.append(event)
    except UNREADABLE as error:
        raise BadFile(other, line, f"cannot be read (data.future): {error}") from error
    return found


class _State:
    """How far a series has been read."""

    def __init__(self, cutter: WholeSeries | Windows, event: Event):
        self.cutter = cutter
        self.first = event
        self.count = 0
        self.last: Event | None = None
        """The last step that could be read."""
        self.last_line = event.line


class _Series:
    """The series of a file, each given to its cutter."""

    def __init__(
        self, path: str, options: Options, cut: Cut, following: dict[str, list[Event]] | None
    ):
        self._path, self._options, self._cut, self._following = path, options, cut, following
        self._file = name_in_data(path, options)
        self._open: dict[str, _State] = {}
        self._ended: dict[str, int] = {}

    def rows(self, events: Iterator[Event]) -> Iterator[Row]:
        together = self._options.layout != "wide"
        for event in events:
            name = event.series
            if name is None:
                yield from self._broken(list(self._open.values()), event)
                continue
            if name in self._ended:
                yield Row(event.line, {}, self._returned(name), came=event.came)
                continue
            if together and name not in self._open:
                yield from self._finish()
            if name not in self._open:
                self._open[name] = _State(self._cutter(event), event)
            yield from self._take(self._open[name], event)
        yield from self._finish()
        # A glob's other files may hold the series that this one does not.
        if self._following and self._path == self._options.path:
            for name in self._following:
                problem = (
                    f"series {shown(name)} of {self._options.future}: {self._file} holds no such"
                )
                yield Row(1, {}, f"{problem} series (take it out there)")

    def _cutter(self, event: Event) -> WholeSeries | Windows:
        assert event.series is not None
        if self._cut.context is None:
            return WholeSeries(event.series, event.static, self._cut)
        # Another file may count the steps of a series of the same name anew.
        key = f"{self._file}:{event.series}"
        return Windows(event.series, key, event.static, self._cut)

    def _take(self, state: _State, event: Event) -> Iterator[Row]:
        problem = event.problem or self._order_problem(state, event)
        state.last_line = event.line
        if event.step is None or problem:
            yield from self._broken([state], event._replace(problem=problem))
            return
        step = event.step
        if step.time is None:
            step = step._replace(time=state.count)
        state.count += 1
        state.last = event
        yield from state.cutter.push(step)

    def _broken(self, states: list[_State], event: Event) -> Iterator[Row]:
        """Tells the series of a step that cannot be read, and the problem once."""
        # A series that is one row says itself what is wrong with it.
        if self._cut.context is not None or not states:
            yield Row(event.line, {}, event.problem, came=event.came)
        for state in states:
            state.count += 1
            yield from state.cutter.broken(event.line, event.problem, event.came)

    def _order_problem(self, state: _State, event: Event) -> str:
        """What is wrong with a step after the one before it; nothing as a rule."""
        if event.static != state.first.static:
            for column, value in event.static.items():
                first = state.first.static.get(column)
                if state.first.step is not None and value != first:
                    return (
                        f"series {shown(event.series)}: column {column!r} is {shown(value)}, but "
                        f"{shown(first)} in line {state.first.line}, and data.static says that it "
                        "does not change"
                    )
        last = state.last
        if last is None or event.moment is None or last.moment is None:
            return ""
        if event.moment > last.moment:
            return ""
        assert event.step is not None and last.step is not None
        said = "doubles" if event.moment == last.moment else "comes before"
        remedy = "take one of the lines out" if event.moment == last.moment else "write order: sort"
        return (
            f"series {shown(event.series)}: time {shown(event.step.time)} {said} "
            f"{shown(last.step.time)} of line "
            f"{last.line}, and time only rises ({remedy})"
        )

    def _returned(self, name: str) -> str:
        if self._options.layout == "rows":
            return f"series {shown(name)} is in line {self._ended[name]} too (name each once)"
        return (
            f"series {shown(name)} goes on here, but others came since its line "
            f"{self._ended[name]} (write order: sort, or sort the file by series)"
        )

    def _finish(self) -> Iterator[Row]:
        for name, state in self._open.items():
            self._ended[name] = state.last_line
            following = [] if self._following is None else self._following.pop(name, [])
            problem = self._following_problem(name, state, following)
            if problem:
                yield Row(state.first.line, {}, problem)
                continue
            for event in following:
                yield from self._take(state, event)
            yield from state.cutter.finish()
        self._open.clear()

    def _following_problem(self, name: str, state: _State, following: list[Event]) -> str:
        """Why no window of test can be made of the steps that follow a series."""
        horizon = self._options.horizon
        if self._following is None:
            return ""
        if len(following) < horizon:
            return (
                f"series {shown(name)}: {self._options.future} holds {len(following)} of its "
                f"steps, where horizon: {horizon} needs as many"
            )
        return self._order_problem(state, following[0])
