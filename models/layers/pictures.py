"""Grids of vectors, as convolutions make them of pictures, as sequences of places to look at."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rondo")
class GridPlaces(keras.layers.Layer):
    """Adds to each place of a grid a learnt vector, so that what looks at it can tell where it is.

    Call arguments: grid ``[batch, rows, columns, units]``, of a size that is known.
    Returns: the same shape.
    """

    def build(self, grid_shape):
        self.places = self.add_weight(tuple(grid_shape[1:]), "random_normal", name="places")

    def call(self, grid):
        return grid + self.places

    def compute_output_shape(self, grid_shape):
        return grid_shape


@keras.saving.register_keras_serializable(package="rondo")
class PlacesOfGrid(keras.layers.Layer):
    """A grid as a sequence of its places, row after row.

    Call arguments: grid ``[batch, rows, columns, units]``.
    Returns: values ``[batch, rows * columns, units]``, lengths int32 ``[batch]``.
    """

    def call(self, grid):
        shape = ops.shape(grid)
        places = shape[1] * shape[2]
        values = ops.reshape(grid, (shape[0], places, grid.shape[-1]))
        return values, ops.full((shape[0],), places, "int32")

    def compute_output_spec(self, grid):
        batch, rows, columns, units = grid.shape
        values = keras.KerasTensor((batch, rows * columns, units), grid.dtype)
        return values, keras.KerasTensor((batch,), "int32")


@keras.saving.register_keras_serializable(package="rondo")
class PlacesOfGrids(keras.layers.Layer):
    """Grids of several pictures a row as a sequence of their places, picture after picture.

    Call arguments: grids ``[batch * pictures, rows, columns, units]``; of each picture a vector
    that is added to all its places, ``[batch, pictures, units]``; pictures of each row ``[batch]``.
    Returns: values ``[batch, pictures * rows * columns, units]``, lengths int32 ``[batch]``.
    """

    def call(self, grids, vectors, lengths):
        shape, batch = ops.shape(grids), ops.shape(vectors)
        places, units = shape[1] * shape[2], grids.shape[-1]
        values = ops.reshape(grids, (batch[0], batch[1], places, units)) + vectors[:, :, None]
        values = ops.reshape(values, (batch[0], batch[1] * places, units))
        return values, ops.cast(lengths, "int32") * places

    def compute_output_spec(self, grids, vectors, lengths):
        values = keras.KerasTensor((vectors.shape[0], None, grids.shape[-1]), grids.dtype)
        return values, keras.KerasTensor((vectors.shape[0],), "int32")
