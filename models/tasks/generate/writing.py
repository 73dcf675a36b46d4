"""Goes on with texts: what is drawn after a prompt."""

from typing import NamedTuple, Self

import tensorflow as tf

from models.tasks.generate import Options
from models.tasks.generate.stepping import LanguageModel
from models.writing.beam import Written
from models.writing.sampling import sample


class Draw(NamedTuple):
    """How the text of each row is drawn, ``[rows]`` each; see ``models.writing.sampling``."""

    limits: tf.Tensor
    temperature: tf.Tensor
    top_k: tf.Tensor
    top_p: tf.Tensor
    seed: tf.Tensor

    @classmethod
    def as_stated(cls, options: Options, rows: tf.Tensor) -> Self:
        """As the task's options have it, for so many rows."""
        stated = options.writing
        return cls(
            tf.fill([rows], stated.steps),
            tf.fill([rows], stated.temperature),
            tf.fill([rows], stated.top_k),
            tf.fill([rows], stated.top_p),
            tf.fill([rows], stated.seed),
        )


def drawn(
    options: Options,
    model: LanguageModel,
    came: tf.Tensor,
    lengths: tf.Tensor,
    draw: Draw,
    most: int | None = None,
) -> Written:
    """What is written after some pieces, one text a row.

    Args:
        options: the task's options.
        model: the trained one.
        came: ids ``[rows, time]``.
        lengths: how many count, int32 ``[rows]``; 0 begins a stream.
        draw: how.
        most: pieces that any row may ask for; as ``options.writing.steps`` says if None.
    """
    rows = tf.shape(came)[0]
    before = model.after(came, tf.maximum(lengths - 1, 0), model.begun(rows, came.dtype))
    # The last piece is fed when the first one is drawn; where there is none, the start is.
    states = [
        tf.where(tf.reshape(lengths > 0, [-1] + [1] * (read.shape.rank - 1)), read, first)
        for read, first in zip(before.states, model.first(rows), strict=True)
    ]
    last = tf.gather(came, tf.maximum(lengths - 1, 0), batch_dims=1)

    def step(pieces, states):
        ready = model.ready(pieces, states)
        return model.log_probabilities(ready), ready.states, {}

    return sample(
        step,
        states,
        tf.where(lengths > 0, last, 0),
        model.end,
        most or options.writing.steps,
        draw.temperature,
        draw.top_k,
        draw.top_p,
        draw.seed,
        draw.limits,
    )
