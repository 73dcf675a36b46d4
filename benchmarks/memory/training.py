"""Trains a case, on one thread: a process of its own calls ``train`` once."""

import contextlib
import importlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from memory.cases import Case
from memory.runner import Progress
from memory.tasks import Task, task_of

BLOCK = 50
"""Steps between two looks at the mean training loss."""
CLIP_NORM = 1.0


@dataclass(frozen=True)
class Result:
    """How a training ended.

    Attributes:
        solved: at two judgements in a row; mnist: at the one at the end.
        measure, chance: of the task.
        figure: the measure on fresh sequences, None if it is not finite.
        loss: mean of the last steps of training, None if it is not finite.
        steps: of training.
        minutes: that passed.
        processor_minutes: that the process used.
        ended: ``solved``, the budget that was spent (``steps``, ``minutes``), or ``not finite``.
    """

    solved: bool
    measure: str
    chance: float
    figure: float | None
    loss: float | None
    steps: int
    minutes: float
    processor_minutes: float
    ended: str


def network(case: Case, task: Task, features: int) -> keras.Model:
    """``[batch, time, features]`` to the task's answer: at each step, or at the last.

    An IndRNN's last layer starts with recurrent weights from ``2^(-1/T)`` to ``2^(1/T)``, so that
    all its units remember for ``T`` steps (Li et al. 2018, section 4.1).
    """
    cell = importlib.import_module(f"models.cells.{case.cell}")
    options = {} if case.timescale is None else {"timescale": case.timescale}
    layers = [
        cell.layer(case.units, f"{case.cell}_{number}", **options) for number in range(case.layers)
    ]
    hidden = inputs = keras.Input((None, features))
    for layer in layers:
        hidden = layer(hidden)
        if case.dropout:
            hidden = keras.layers.Dropout(case.dropout)(hidden)
    if case.cell == "indrnn":
        last = layers[-1].cell
        near_one = keras.random.uniform((case.units,), 1.0 / last.bound, last.bound)
        last.recurrent_weight.assign(near_one)
    answers = keras.layers.Dense(task.classes or 1, name="answer")
    return keras.Model(inputs, answers(hidden if task.judged else hidden[:, -1]))


def train(case: Case, seed: int, mnist: Path, report: Callable[[Progress], None]) -> Result:
    """Trains until solved, at two judgements in a row, or until a budget is spent.

    Args:
        case: what is trained.
        seed: of weights and sequences.
        mnist: see ``task_of``.
        report: is told of progress every ``BLOCK`` steps.

    Raises:
        FileNotFoundError, ValueError: see ``task_of``.
    """
    with contextlib.suppress(RuntimeError):  # Already set: tests run several cases in a process.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(seed)
    random, other = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
    task = task_of(case, mnist)
    began, spent = time.monotonic(), time.process_time()
    features = task.batch(random, 1)[0].shape[-1]
    model = network(case, task, features)
    rate = case.learning_rate
    if case.decay:
        rate = keras.optimizers.schedules.CosineDecay(rate, case.steps)
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=CLIP_NORM)
    optimizer.build(model.trainable_variables)

    def loss_of(targets, answers):
        if task.classes:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, answers)
        else:
            losses = tf.square(targets - answers)
        return tf.reduce_mean(losses)

    @tf.function
    def learn(inputs, targets):
        with tf.GradientTape() as tape:
            loss = loss_of(targets, model(inputs, training=True))
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    @tf.function
    def answer(inputs):
        return model(inputs, training=False)

    def judge() -> float:
        figures = []
        for _ in range(math.ceil(task.sequences / case.batch)):
            inputs, targets = task.fresh(other, case.batch)
            answers = answer(inputs).numpy()
            if not task.classes:
                figures.append(np.square(targets - answers).ravel())
                continue
            right = answers.argmax(axis=-1) == targets
            figures.append((right[:, -task.judged :] if task.judged else right).ravel())
        return float(np.concatenate(figures).mean())

    step, passed, figure, ended = 0, 0, math.nan, "steps"
    while step < case.steps:
        losses = []
        for _ in range(min(BLOCK, case.steps - step)):
            losses.append(learn(*task.batch(random, case.batch)))
            step += 1
        loss = float(np.mean(losses))
        minutes = (time.process_time() - spent) / 60
        report(Progress(step, loss, minutes))
        if not math.isfinite(loss):
            ended = "not finite"
            break
        if task.promising is not None and loss < task.promising:
            figure = judge()
            passed = passed + 1 if task.passed(figure) else 0
            if passed == 2:
                ended = "solved"
                break
        else:
            passed = 0
        if minutes > case.minutes:
            ended = "minutes"
            break
    if ended != "solved":
        figure = judge()
    return Result(
        solved=ended == "solved" or (task.promising is None and task.passed(figure)),
        measure=task.measure,
        chance=task.chance,
        figure=figure if math.isfinite(figure) else None,
        loss=loss if math.isfinite(loss) else None,
        steps=step,
        minutes=(time.monotonic() - began) / 60,
        processor_minutes=(time.process_time() - spent) / 60,
        ended=ended,
    )
