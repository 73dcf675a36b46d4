"""Texts of what was written, and sets that go on."""

from collections.abc import Sequence

import tensorflow as tf

from models.tasks.generate import Options
from models.tasks.generate.stepping import LanguageModel, Ready, of_any_rows
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
    steps, members = options.writing.steps, came.shape[-1]
    found = tf.TensorArray(tf.float32, steps, element_shape=[None, members])

    def go_on(place: tf.Tensor, state: Ready, found: tf.TensorArray) -> tuple:
        likeliest = tf.cast(model.logits(state.values) > 0.0, tf.float32)
        state = model.ready(likeliest, state.states)
        return place + 1, state, found.write(place, likeliest)

    shapes = (tf.TensorShape([]), of_any_rows(state), tf.TensorShape(None))
    _, _, found = tf.while_loop(
        lambda place, *_: place < steps,
        go_on,
        (tf.constant(0), state, found),
        shape_invariants=shapes,
    )
    return tf.transpose(found.stack(), [1, 0, 2])
