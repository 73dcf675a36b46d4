"""What a search looks like: a table of trials, the best of them, the experiment's own beside it."""

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from components.tune.results import DEFAULT, SearchResult, Trial

ROWS = 20
STYLES = {"completed": "green", "failed": "red", "running": "yellow"}


def shown(value: Any) -> str:
    """A value as an experiment states it, short."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def trials_table(search: SearchResult, rows: int = ROWS) -> RenderableType:
    """The trials, the latest last, the best marked; each failed one with its error."""
    names = list(dict.fromkeys(name for trial in search.trials for name in trial.values))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("trial", "state", search.objective, *(_short(name, names) for name in names)):
        table.add_column(column, overflow="fold")
    best = search.completed[0].trial if search.completed else None
    visible = search.trials[:1] + search.trials[1:][-rows:]
    for trial in visible:
        score = "" if trial.score is None else f"{trial.score:.4f}"
        mark = " [bold green]best[/]" if trial.trial == best else ""
        state = f"epoch {trial.epoch}" if trial.state == "running" else trial.state
        values = (shown(trial.values[name]) if name in trial.values else "" for name in names)
        table.add_row(
            trial.trial,
            f"[{STYLES[trial.state]}]{state}[/]",
            score + mark,
            *(escape(value) for value in values),
        )
    lines: list[RenderableType] = [table]
    hidden = len(search.trials) - len(visible)
    if hidden:
        lines.append(Text(f"{hidden} earlier trials are not shown", style="dim"))
    lines += [
        Text(failure_line(trial), style="red") for trial in visible if trial.state == "failed"
    ]
    return Group(*lines)


def _short(name: str, names: list[str]) -> str:
    last = name.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in names) == 1 else name


def failure_line(trial: Trial) -> str:
    """Which trial failed, and why."""
    which = "the experiment's own values" if trial.trial == DEFAULT else f"trial {trial.trial}"
    return f"{which}: {trial.reason}"


def trial_line(trial: Trial, search: SearchResult) -> str:
    """A trial that has ended, in one line, for where there is no live table."""
    if trial.state == "failed":
        return failure_line(trial)
    values = "  ".join(f"{name} {shown(value)}" for name, value in trial.values.items())
    return f"trial {trial.trial}  {search.objective} {trial.score:.4f}  {values}"


def progress_line(search: SearchResult) -> str:
    """How far a search is."""
    done = sum(trial.state != "running" for trial in search.trials if trial.trial != DEFAULT)
    planned = f"/{search.planned}" if search.planned else ""
    return f"Tuner  {done}{planned} trials, {search.parallel} at a time"


def show_search(console: Console, search: SearchResult) -> None:
    """The end of a search: all trials, and what tuning gained."""
    console.print(trials_table(search, rows=len(search.trials)))
    best, default = search.completed[0], search.default
    if default is None or default.score is None:
        gained = "the experiment's own values failed, so there is nothing to compare with"
    elif best.trial == DEFAULT:
        gained = "no trial is better than the experiment's own values, which are kept"
    else:
        gained = (
            f"tuned {best.score:.4f} against {default.score:.4f} with the experiment's own values "
            f"({search.objective}, {'lower' if search.direction == 'min' else 'higher'} is better)"
        )
    console.print(gained, soft_wrap=True)
