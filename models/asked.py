"""What an answer is made of beside the network's own output."""

from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf


class Asked(NamedTuple):
    """A batch that is to be answered.

    Attributes:
        inputs: the network's inputs by name, right-padded.
        raw: the features as they came, by name; ragged where they vary in length.
    """

    inputs: Mapping[str, tf.Tensor]
    raw: Mapping[str, tf.Tensor | tf.RaggedTensor]

    @property
    def rows(self) -> tf.Tensor:
        """How many rows there are, int32 scalar."""
        return tf.shape(next(iter(self.inputs.values())))[0]
