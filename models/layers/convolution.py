"""Convolution over the steps of right-padded sequences, in front of recurrent layers."""

from typing import Any

import keras

from models.layers.sequence import zero_padding


@keras.saving.register_keras_serializable(package="rondo")
class SequenceConvolution(keras.layers.Layer):
    """Convolution over time that sees zeros beyond the length, as at the start of a sequence.

    Every step gets an answer (``same`` padding); layers of it are stacked as they are.  A plain
    convolution would read whatever stands in the padding, and so let its amount change the answer.

    Args:
        filters: width of the output.
        kernel_size: steps that an output sees; of an even number, one more after than before.
        activation: of Keras, by name or as a function.

    Call arguments: values ``[batch, time, units]``, lengths ``[batch]``.
    Returns: ``[batch, time, filters]``, 0 in the padding.

    Raises:
        ValueError: filters or kernel size below 1.
    """

    def __init__(
        self, filters: int, kernel_size: int = 3, activation: Any = "relu", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        for field, value in (("filters", filters), ("kernel_size", kernel_size)):
            if value < 1:
                raise ValueError(f"{field}: {value} came; at least 1 is needed")
        self.convolution = keras.layers.Conv1D(
            filters,
            kernel_size,
            padding="same",
            activation=activation,
            dtype=self.dtype_policy,
            name="convolution",
        )

    def build(self, values_shape, lengths_shape):
        self.convolution.build(values_shape)

    def call(self, values, lengths):
        return zero_padding(self.convolution(zero_padding(values, lengths)), lengths)

    def compute_output_shape(self, values_shape, lengths_shape):
        return (*values_shape[:2], self.convolution.filters)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.convolution.filters,
            "kernel_size": self.convolution.kernel_size[0],
            "activation": keras.activations.serialize(self.convolution.activation),
        }
