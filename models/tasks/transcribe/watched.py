"""What is shown while a transcription is trained."""

import keras
import tensorflow as tf

from models.tasks.transcribe.beam import best_path


@keras.saving.register_keras_serializable(package="rondo")
class PieceErrorRate(keras.metrics.Metric):
    """Edits from the likeliest path's pieces to the true ones, for each true piece.

    Call arguments: labels int ``[batch, pieces]``, below 0 in the padding; scores as of
    ``models.layers.ctc.PathScores``.
    """

    def __init__(self, name: str = "piece_error_rate", **kwargs) -> None:
        super().__init__(name=name, **kwargs)
        self.edits = self.add_variable((), "zeros", name="edits")
        self.pieces = self.add_variable((), "zeros", name="pieces")

    def update_state(self, y_true, y_pred, sample_weight=None):
        found = best_path(y_pred)
        labels = tf.cast(y_true, tf.int32)
        count = tf.reduce_sum(tf.cast(labels >= 0, tf.int32), axis=1)
        true = tf.sparse.from_dense(tf.where(labels >= 0, labels, 0))
        came = tf.sparse.from_dense(found.tokens[:, 0])
        # Of the true pieces no 0 is among them, so that what is left out is padding alone.
        edits = tf.edit_distance(came, true, normalize=False)
        self.edits.assign_add(tf.reduce_sum(edits))
        self.pieces.assign_add(tf.cast(tf.reduce_sum(count), tf.float32))

    def result(self):
        return keras.ops.divide_no_nan(self.edits, self.pieces)
