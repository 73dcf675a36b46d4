"""What is shown while a transcription is trained.

Standard operations that compile, since training on a GPU is compiled with all that is watched.
"""

from typing import Any

import keras
from keras import ops

from models.tasks.transcribe.beam import best_path


@keras.saving.register_keras_serializable(package="rondo")
class PieceErrorRate(keras.metrics.Metric):
    """Edits from the likeliest path's pieces to the true ones, for each true piece.

    Call arguments: labels int ``[batch, pieces]``, below 0 in the padding; scores as of
    ``models.layers.ctc.PathScores``.
    """

    def __init__(self, name: str = "piece_error_rate", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.edits = self.add_weight(name="edits", initializer="zeros")
        self.pieces = self.add_weight(name="pieces", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels, found = ops.cast(y_true, "int32"), best_path(y_pred)
        edits = edit_distances(labels, found.tokens[:, 0], found.lengths[:, 0])
        self.edits.assign_add(ops.sum(edits))
        self.pieces.assign_add(ops.sum(ops.cast(labels >= 0, "float32")))

    def result(self):
        return self.edits / ops.maximum(self.pieces, 1.0)


def edit_distances(true, came, lengths):
    """The fewest edits between rows, as ``models.writing.edits.edit_distance`` counts them.

    Args:
        true: int ``[batch, pieces]``, below 0 in the padding.
        came: int ``[batch, steps]``.
        lengths: how many of them count, int32 ``[batch]``.

    Returns:
        float32 ``[batch]``.
    """
    places = ops.arange(ops.shape(came)[1] + 1, dtype="float32")[None, :]

    def after(place, row):
        """Edits to the start of what came, of each length, from one true piece more."""
        piece = ops.take(true, place, axis=1)[:, None]
        replaced = row[:, :-1] + ops.cast(came != piece, "float32")
        best = ops.concatenate([row[:, :1] + 1.0, ops.minimum(replaced, row[:, 1:] + 1.0)], axis=1)
        # Insertions run along the row: each costs one more than what stands before it.
        best = _least_so_far(best - places) + places
        return ops.where(piece >= 0, best, row)

    row = places + ops.zeros_like(came[:, :1], dtype="float32")
    row = ops.fori_loop(0, ops.shape(true)[1], after, row)
    return ops.take_along_axis(row, lengths[:, None], axis=1)[:, 0]


def _least_so_far(values):
    """The least of each row's numbers up to each place, ``[batch, places]``."""
    places = ops.arange(ops.shape(values)[1], dtype="int32")

    def doubled(span, values):
        """From the least of a span up to each place to that of one twice as long."""
        before = ops.maximum(places - span, 0)
        return 2 * span, ops.minimum(values, ops.take(values, before, axis=1))

    # A loop, since a compiler that joins these to one step takes a minute for it.
    span = ops.ones((), dtype="int32")
    _, values = ops.while_loop(
        lambda span, values: span < ops.shape(values)[1], doubled, (span, values)
    )
    return values
