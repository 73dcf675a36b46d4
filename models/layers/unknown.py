"""Tokens taken for unknown ones while training, so that the network learns what to make of such.

Where the train split has every token of its vocabulary, it has no unknown one, and the vector of
the unknown id would stay as it was drawn (Iyyer et al. 2015, "word dropout",
https://aclanthology.org/P15-1162/).
"""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rondo")
class UnknownDropout(keras.layers.Layer):
    """Gives a share of the known ids, drawn anew at each training step, an unknown one.

    Args:
        rate: share of the known ids, from 0 to below 1.
        unknown: the first of the ids of unknown tokens.
        known: the first of the others; those from ``unknown`` on are drawn from alike.
        seed: of what is drawn.
        **kwargs: of ``keras.layers.Layer``.

    Call arguments: ids int32, of any shape.
    Returns: ids int32 in the same shape.

    Raises:
        ValueError: the rate is out of range, or no id is one of an unknown token.
    """

    def __init__(
        self, rate: float, unknown: int, known: int, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"rate: {rate} came; from 0 to below 1 is allowed")
        if not 0 <= unknown < known:
            raise ValueError(f"unknown: {unknown}, known: {known} came; the first comes first")
        self.rate, self.unknown, self.known, self.seed = rate, unknown, known, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, ids, training=False):
        if not training:
            return ids
        drawn = keras.random.uniform(ops.shape(ids), seed=self.seed_generator)
        # What is below the rate is even there, and says which of the unknown ids it is.
        which = ops.cast(drawn / max(self.rate, 1e-7) * (self.known - self.unknown), ids.dtype)
        dropped = (drawn < self.rate) & (ids >= self.known)
        return ops.where(dropped, self.unknown + which, ids)

    def compute_output_shape(self, ids_shape):
        return ids_shape

    def get_config(self) -> dict[str, Any]:
        own = {"rate": self.rate, "unknown": self.unknown, "known": self.known, "seed": self.seed}
        return {**super().get_config(), **own}
