"""Runs cases in processes of their own, so that what ends one loses no other.

This process imports no TensorFlow: what a case sends must not need ``memory.training``.
"""

import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from memory.cases import Case

STOP_SECONDS = 5.0
"""How long a process that is told to stop is waited for."""


@dataclass(frozen=True)
class Progress:
    """Where a training stands: steps, their mean loss of late, processor minutes."""

    step: int
    loss: float
    minutes: float


@dataclass(frozen=True)
class Ended:
    """What is left of a case: its row, or why there is none."""

    case: Case
    row: dict[str, Any] | None
    problem: str | None = None


@dataclass
class _Running:
    case: Case
    process: Any
    messages: Connection


def run(
    cases: list[Case],
    seed: int,
    mnist: Path,
    processes: int,
    report: Callable[[Case, Progress], None],
) -> Iterator[Ended]:
    """Runs the cases and gives each as it ends; the one with the largest budget starts first.

    Args:
        cases: what to run.
        seed: of each.
        mnist: see ``memory.tasks.task_of``.
        processes: cases at a time, with one thread each.
        report: is told a case and its progress.
    """
    waiting = sorted(cases, key=lambda case: case.minutes)
    running: dict[Connection, _Running] = {}
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                started = _start(waiting.pop(), seed, mnist)
                running[started.messages] = started
            for messages in wait(list(running)):
                one = running[messages]
                try:
                    kind, content = messages.recv()
                except EOFError:
                    one.process.join()
                    kind, content = "problem", f"its process ended with {one.process.exitcode}"
                if kind == "progress":
                    report(one.case, content)
                    continue
                del running[messages]
                one.process.join()
                row = content if kind == "row" else None
                yield Ended(one.case, row, content if row is None else None)
    finally:
        for one in running.values():
            one.process.terminate()
        for one in running.values():
            one.process.join(STOP_SECONDS)


def _start(case: Case, seed: int, mnist: Path) -> _Running:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_one, args=(case, seed, mnist, there), name=case.name)
    process.start()
    there.close()
    return _Running(case, process, here)


def _one(case: Case, seed: int, mnist: Path, messages: Connection) -> None:
    """The process of a case: trains it and sends its row."""
    # Before TensorFlow is imported: one thread, so that cases do not share each other's cores, and
    # none of its lines about missing GPUs between those of progress.
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        from memory.training import train

        result = train(case, seed, mnist, lambda progress: messages.send(("progress", progress)))
        messages.send(("row", {"seed": seed, **asdict(result)}))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception:
        messages.send(("problem", traceback.format_exc()))
