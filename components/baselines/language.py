"""Baselines of language models on the very pieces that the network predicts.

Each chunk of the test split is scored by itself, as the network scores it; what is before the chunk
is known to none of them.
"""

from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from components.baselines.rows import Rows
from components.baselines.written import judged_answers
from models.asked import Asked
from models.baselines.kneser_ney import KneserNey
from models.baselines.window import WindowLanguageModel
from models.options import graph_module
from models.raw import length_name
from models.spec import TrainingOptions
from models.tasks.generate.windows import streams_of

ORDER = 5
"""Of the n-grams: what Kneser-Ney is at its best with on a million words (Mikolov et al. 2010)."""
WINDOW, HIDDEN = 4, 128
EPOCHS, BATCH, RATE = 5, 1024, 2e-3
"""How the network over a window is trained, at most."""

Figures = Callable[[Sequence[str]], tuple[np.ndarray, np.ndarray]]
"""Natural logarithms of the probabilities of pieces, and which are the likeliest, ``[pieces]``."""


def frequencies(rows: Rows) -> tuple[dict[str, float], int]:
    """Metrics of the trivial baseline, and how many numbers it is."""
    graph = graph_module("tasks", rows.task.kind)
    learnt = graph.baseline(rows.task, rows.training_data.labels(), rows.learnt)
    judged = judged_answers(rows, lambda asked: graph.baseline_scores(rows.task, learnt, asked))
    return judged, sum(values.size for values in learnt.values())


def kneser_ney(rows: Rows) -> tuple[dict[str, float], int]:
    """Metrics of n-grams, and how many of them have a count."""
    model = KneserNey(_streams(rows, rows.training_data.train), ORDER)

    def figures(pieces: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        # Behind the last piece stands an end, which no chunk has.
        return model.log_probabilities(pieces)[:-1], model.likeliest(pieces)[:-1]

    return judged_answers(rows, lambda asked: _scores(rows, asked, figures)), model.parameters


def window(
    rows: Rows, training: TrainingOptions, tell: Callable[[str], None]
) -> tuple[dict[str, float], int]:
    """Metrics of a feed-forward network over the last pieces, and its parameters.

    Args:
        rows: the experiment's.
        training: whose seed is taken.
        tell: hears of each epoch.
    """
    model = WindowLanguageModel(
        _streams(rows, rows.training_data.train), WINDOW, seed=training.seed, hidden_size=HIDDEN
    )
    told = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: tell(
            f"epoch {epoch + 1}/{EPOCHS}  val_loss {(logs or {})['val_loss']:.4f}"
        )
    )
    model.fit(
        list(_streams(rows, rows.training_data.validation)),
        epochs=EPOCHS,
        batch_size=BATCH,
        learning_rate=RATE,
        patience=1,
        callbacks=[told],
    )

    def figures(pieces: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        own, right = model.scored(pieces)
        return own[:-1], right[:-1]

    parameters = model.network.count_params()
    return judged_answers(rows, lambda asked: _scores(rows, asked, figures)), parameters


def _streams(rows: Rows, split: tf.data.Dataset) -> Iterator[list[str]]:
    """The streams of a split as words, which ids of pieces stand for."""
    for stream in streams_of(str(rows.task.text), split, rows.task.last):
        yield [str(piece) for piece in stream]


def _scores(rows: Rows, asked: Asked, figures: Figures) -> dict[str, tf.Tensor]:
    """Of a batch, what the task judges; see ``models.tasks.generate.graph.Scores``."""
    name, last = str(rows.task.text), rows.task.last
    came = np.asarray(asked.inputs[name])
    lengths = np.asarray(asked.inputs[length_name(name, 1)])
    width = came.shape[1] if last is None else last
    found = np.zeros((len(came), width, 2), np.float32)
    counted = np.zeros((len(came), width), bool)
    for row, length in enumerate(lengths):
        both = np.stack(figures([str(piece) for piece in came[row, :length]]), axis=1)
        place = slice(0, length) if last is None else slice(max(width - length, 0), width)
        found[row, place] = both if last is None else both[-width:]
        counted[row, place] = True
    return {"figures": tf.constant(found), "counted": tf.constant(counted)}
