"""Windows of a series: ``context`` steps that are known, and the ``horizon`` steps behind them.

One series goes through a cutter step by step; no more of it is kept than the next windows need.
No window holds a step that could not be read: the series is cut there.  Steps are counted from 0,
those that could not be read among them.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

from components.ingest.in_sample import InSample
from components.ingest.rows import Row, Window
from models.raw import shown

Parts = Literal["train", "validate", "test"]


class Step(NamedTuple):
    """One step of a series.

    Attributes:
        line: where it stands in its file.
        time: when it was, as it stands; its number if the series has no times.
        values: number of each channel, None where it is missing.
        known: of each covariate that is known in advance, as it stands.
    """

    line: int
    time: Any
    values: Sequence[float | None]
    known: Sequence[Any] = ()


class Cut(NamedTuple):
    """How windows are cut.

    Attributes:
        context: steps that are known; None for the whole series as one row.
        horizon: steps that are to be forecast; 0 for none.
        stride: steps from a window's start to the next one's.
        shorten: gives a series that is too short for a window one with less context.
        hold_out_ends: gives the last ``horizon`` steps to test and those before them to validate,
            a window each, and says so in the column ``part``.
        targets: places of the channels that are to be forecast; None for all.
        known: names of the covariates.
        season: steps of a season, of which rows then say the seasonal error; None for none.
        naive2: whether rows also have the forecast of Naive2.
    """

    context: int | None = None
    horizon: int = 0
    stride: int = 1
    shorten: bool = False
    hold_out_ends: bool = False
    targets: tuple[int, ...] | None = None
    known: tuple[str, ...] = ()
    season: int | None = None
    naive2: bool = False


class WholeSeries:
    """Gives a series as one row, with what was wrong first in it.

    Args:
        name: of the series.
        static: its columns that do not change.
        cut: names of its columns.
    """

    def __init__(self, name: str, static: Mapping[str, Any], cut: Cut):
        self._name, self._static, self._cut = name, static, cut
        self._steps: list[Step] = []
        self._problem: Row | None = None
        self._first_line: int | None = None

    def push(self, step: Step) -> Iterator[Row]:
        """Takes the next step."""
        self._first_line = self._first_line or step.line
        if self._problem is None:
            self._steps.append(step)
        return iter(())

    def broken(self, line: int, problem: str, came: str) -> Iterator[Row]:
        """Takes a step that cannot be read; the series, then, cannot either."""
        self._first_line = self._first_line or line
        if self._problem is None:
            where = "" if line == self._first_line else f"line {line}: "
            self._problem = Row(
                self._first_line, {}, f"series {shown(self._name)}: {where}{problem}", came=came
            )
            self._steps.clear()
        return iter(())

    def finish(self) -> Iterator[Row]:
        """The row."""
        if self._problem is not None:
            yield self._problem
        elif self._steps:
            first = self._steps[0]
            fields = {"series": self._name, "start": first.time, **self._static}
            yield Row(
                first.line,
                fields | {"values": _values(self._steps)} | _known(self._steps, self._cut),
            )


class Windows:
    """Cuts a series into windows.

    Args:
        name: of the series.
        key: its name that no other series of the data has.
        static: its columns that do not change.
        cut: how.
    """

    def __init__(self, name: str, key: str, static: Mapping[str, Any], cut: Cut):
        assert cut.context is not None, "a series without context is a WholeSeries"
        self._name, self._key, self._static, self._cut = name, key, static, cut
        self._size = cut.context + cut.horizon
        self._recent: deque[Step] = deque(maxlen=self._size + 2 * cut.horizon)
        self._count = 0
        self._run = 0
        self._pending: deque[Row] = deque()
        self._any_train = False
        self._first_line = 1
        self._in_sample: InSample | None = None

    def push(self, step: Step) -> Iterator[Row]:
        """Takes the next step; yields the windows that are certain now."""
        if not self._count:
            self._first_line = step.line
        self._count += 1
        self._run += 1
        self._recent.append(step)
        if self._cut.season is not None:
            if self._run == 1:
                self._in_sample = InSample(self._cut.season, self._cut.targets)
            assert self._in_sample is not None
            self._in_sample.push(step.values)
        if self._run >= self._size and (self._run - self._size) % self._cut.stride == 0:
            self._pending.append(self._window(self._size, 0, "train"))
        yield from self._certain()

    def broken(self, line: int, problem: str, came: str) -> Iterator[Row]:
        """Takes a step that cannot be read; no window holds it."""
        if not self._cut.hold_out_ends:
            yield from self._too_short()
        self._count += 1
        self._run = 0
        self._recent.clear()

    def finish(self) -> Iterator[Row]:
        """The windows at the end."""
        if not self._cut.hold_out_ends:
            yield from self._too_short()
            return
        yield from self._certain()
        horizon = self._cut.horizon
        if not self._any_train:
            yield from self._end("train", 2 * horizon)
        yield from self._end("validate", horizon)
        yield from self._end("test", 0)

    def _certain(self) -> Iterator[Row]:
        """The windows that end before what is held out, however many steps come."""
        kept = 2 * self._cut.horizon if self._cut.hold_out_ends else 0
        while self._pending and self._pending[0].window.end <= self._count - kept:
            self._any_train = True
            yield self._pending.popleft()

    def _too_short(self) -> Iterator[Row]:
        if not 0 < self._run < self._size:
            return
        if self._cut.shorten and self._run > self._cut.horizon:
            yield self._window(self._run, 0, None)
        else:
            yield self._skip(None)

    def _end(self, part: Parts, after: int) -> Iterator[Row]:
        """The window with so many steps after it."""
        length = min(self._run - after, self._size)
        if length == self._size or (self._cut.shorten and length > self._cut.horizon):
            yield self._window(length, after, part)
        else:
            yield self._skip(part)

    def _skip(self, part: Parts | None) -> Row:
        stretch = "a series, or a stretch of it without bad steps," if part is None else "a series"
        kind = "one window" if part is None else f"a window of {part}"
        size = f"context {self._cut.context}" + (
            f" and horizon {self._cut.horizon}" if self._cut.horizon else ""
        )
        return Row(self._first_line, {}, skipped=f"{stretch} too short for {kind} ({size})")

    def _window(self, length: int, after: int, part: Parts | None) -> Row:
        """The window of so many steps, with so many after it."""
        cut = self._cut
        stop = len(self._recent) - after
        steps = list(islice(self._recent, stop - length, stop))
        end = self._count - after
        start = end - length
        # A window without horizon is judged by all of it.
        targets = end - cut.horizon if cut.horizon else start
        fields = {"series": self._name, "start": steps[0].time, **self._static}
        if cut.horizon:
            future = steps[-cut.horizon :]
            fields["target_time"] = future[0].time
            fields["context"] = _values(steps[: -cut.horizon])
            fields["target"] = _values(future, cut.targets)
            if self._in_sample is not None:
                # What came before, in this stretch without bad steps.
                before = self._run - after - cut.horizon
                fields["seasonal_error"] = self._in_sample.seasonal_error(before)
                if cut.naive2:
                    fields["naive2"] = self._in_sample.naive2(before, cut.horizon)
        else:
            fields["context"] = _values(steps)
        if cut.hold_out_ends:
            fields["part"] = part
        return Row(
            steps[0].line,
            fields | _known(steps, cut),
            window=Window(self._key, start, targets, end),
        )


def _values(steps: Sequence[Step], places: tuple[int, ...] | None = None) -> list[Any]:
    """``[time]`` of one channel, or ``[time][channels]``."""
    if places is not None:
        steps = [step._replace(values=[step.values[place] for place in places]) for step in steps]
    if len(steps[0].values) == 1:
        return [step.values[0] for step in steps]
    return [list(step.values) for step in steps]


def _known(steps: Sequence[Step], cut: Cut) -> dict[str, list[Any]]:
    return {name: [step.known[place] for step in steps] for place, name in enumerate(cut.known)}
