"""Texts of what was written, and sets that go on."""

from collections.abc import Sequence

import tensorflow as tf

from models.tasks.generate import Options
from models.tasks.generate.stepping import LanguageModel
from models.writing import WrittenText
from models.writing import text as writing


def texts(
    options: Options, written: tf.Tensor, lengths: tf.Tensor, labels: Sequence[str]
) -> tf.Tensor:
    """Ids to texts.

    Args:
        options: the task's options.
        written: ids ``[..., time]``.
        lengths: how many count, int32 ``[...]``.
        labels: the pieces by id.

    Returns:
        string ``[...]``.
    """
    tokens = {"subwords": "words", "regex": "whitespace"}.get(options.pieces, options.pieces)
    cut = WrittenText(tokens=tokens, subwords=options.pieces == "subwords")
    return writing.joined(cut, tf.gather(tf.constant(list(labels)), written), lengths)


def drawn_sets(
    options: Options, model: LanguageModel, came: tf.Tensor, lengths: tf.Tensor
) -> tf.Tensor:
    """The likeliest sets, one after the other, each being fed as if it had come.

    Args:
        options: the task's options: ``writing.steps`` of them.
        model: the trained one.
        came: sets so far, float32 ``[rows, time, members]``.
        lengths: how many count, int32 ``[rows]``.

    Returns:
        zeros and ones, float32 ``[rows, steps, members]``.
    """
    state = model.after(came, lengths, model.begun(tf.shape(came)[0], came.dtype))
    found = []
    for _ in range(options.writing.steps):
        found.append(tf.cast(model.logits(state.values) > 0.0, tf.float32))
        state = model.ready(found[-1], state.states)
    return tf.stack(found, axis=1)
