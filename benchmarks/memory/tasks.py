"""The tasks: endless sequences drawn with NumPy, and what counts as solved.

Each task draws a batch ``(inputs [batch, time, features] float32, targets)`` from a random
generator, so that no sequence is ever seen twice; mnist draws from its images instead.
"""

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from memory.cases import LONGER, TASKS, Case
from memory.mnist import read_mnist

Batch = tuple[np.ndarray, np.ndarray]
SYMBOLS = 8
RECALLED = 10
BLANK, DELIMITER = SYMBOLS, SYMBOLS + 1


def adding(random: np.random.Generator, size: int, length: int) -> Batch:
    """Adding problem (Hochreiter & Schmidhuber 1997, in the form of Le et al. 2015).

    Inputs ``[size, length, 2]``: numbers from ``U(0, 1)``, and marks, of which one in each half of
    the sequence is 1 and all others 0.  Targets ``[size, 1]``: the sum of the two marked numbers.
    Their variance, 1/6, is the error of always answering 1.
    """
    numbers = random.random((size, length), dtype=np.float32)
    marks = np.zeros_like(numbers)
    rows = np.arange(size)
    marks[rows, random.integers(0, length // 2, size)] = 1.0
    marks[rows, random.integers(length // 2, length, size)] = 1.0
    targets = (numbers * marks).sum(axis=1, keepdims=True)
    return np.stack([numbers, marks], axis=-1), targets


def copy(random: np.random.Generator, size: int, length: int) -> Batch:
    """Copy memory (Hochreiter & Schmidhuber 1997, in the form of Arjovsky et al. 2016).

    Of ``length + 20`` steps the first 10 are symbols out of 8, then come ``length - 1`` blanks, a
    delimiter and 10 blanks, on which the symbols are to be said again; before, blanks are.  Inputs
    are one-hot ``[size, length + 20, 10]``, targets classes ``[size, length + 20]`` int32.
    """
    steps = length + 2 * RECALLED
    symbols = random.integers(0, SYMBOLS, (size, RECALLED))
    shown = np.full((size, steps), BLANK)
    shown[:, :RECALLED] = symbols
    shown[:, RECALLED + length - 1] = DELIMITER
    targets = np.full((size, steps), BLANK, np.int32)
    targets[:, -RECALLED:] = symbols
    return np.eye(SYMBOLS + 2, dtype=np.float32)[shown], targets


def copy_without_memory(length: int) -> float:
    """Cross-entropy a step of blanks where blanks are due, and of guessing where symbols are."""
    return float(RECALLED * np.log(SYMBOLS) / (length + 2 * RECALLED))


def parity(random: np.random.Generator, size: int, length: int) -> Batch:
    """Parity: has there been an odd number of ones so far?

    Inputs: bits ``[size, length, 1]``.  Targets ``[size, length]`` int32, the parity at each step;
    the last is that of the whole sequence.
    """
    bits = random.integers(0, 2, (size, length))
    return bits[..., None].astype(np.float32), (bits.cumsum(axis=1) % 2).astype(np.int32)


@dataclass(frozen=True)
class Task:
    """A task at a length, and the verdict on it.

    Attributes:
        batch: generator and size to a training batch.
        fresh: the same, to a batch that the network is judged on.
        classes: of the targets; 0 is regression.
        measure: what the network is judged by: ``error`` (mean squared) or ``accuracy`` (over the
            last ``judged`` steps of targets by step).
        judged: how many of the last steps count, where each step has a target.
        solved: the bound of the measure, below it for ``error`` and above it for ``accuracy``.
        chance: the measure without memory.
        promising: mean training loss below which it is worth while to judge; None: at the end only.
        sequences: fresh sequences that one judgement takes.
    """

    batch: Callable[[np.random.Generator, int], Batch]
    fresh: Callable[[np.random.Generator, int], Batch]
    classes: int
    measure: str
    solved: float
    chance: float
    promising: float | None
    judged: int = 0
    sequences: int = 1000

    def passed(self, figure: float) -> bool:
        """Whether the measure is beyond the bound."""
        return figure < self.solved if self.measure == "error" else figure > self.solved


def task_of(case: Case, mnist: Path) -> Task:
    """The case's task.

    Args:
        case: see ``Case``.
        mnist: where mnist's images are, for that task; see ``read_mnist``.

    Raises:
        FileNotFoundError, ValueError: the images are missing or unreadable.
    """
    length = case.length
    if case.task == "mnist":
        train, test = read_mnist(mnist)
        places = itertools.cycle(range(0, len(test.labels), case.batch))

        def random_images(random: np.random.Generator, size: int) -> Batch:
            chosen = random.integers(0, len(train.labels), size)
            return train.images[chosen], train.labels[chosen]

        def next_images(random: np.random.Generator, size: int) -> Batch:
            start = next(places)
            return test.images[start : start + size], test.labels[start : start + size]

        return Task(
            random_images,
            next_images,
            classes=10,
            measure="accuracy",
            solved=0.989,
            chance=0.1,
            promising=None,
            sequences=len(test.labels),
        )
    if case.task == "adding":
        draw = functools.partial(adding, length=length)
        return Task(
            draw, draw, classes=0, measure="error", solved=0.01, chance=1 / 6, promising=0.015
        )
    if case.task == "copy":
        draw = functools.partial(copy, length=length)
        return Task(
            draw,
            draw,
            classes=SYMBOLS + 2,
            measure="accuracy",
            solved=0.99,
            chance=1 / SYMBOLS,
            promising=0.1 * copy_without_memory(length),
            judged=RECALLED,
        )
    if case.task == "parity":
        return Task(
            functools.partial(parity, length=length),
            functools.partial(parity, length=LONGER * length),
            classes=2,
            measure="accuracy",
            solved=0.99,
            chance=0.5,
            promising=0.05,
            judged=1,
        )
    raise ValueError(f"task is {case.task!r}; it is one of {', '.join(TASKS)}")
