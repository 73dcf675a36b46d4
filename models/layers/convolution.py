"""Convolution over the steps of right-padded sequences, in front of recurrent layers."""

from typing import Any

import keras
from keras import ops

from models.layers.sequence import zero_padding


@keras.saving.register_keras_serializable(package="rondo")
class SequenceConvolution(keras.layers.Layer):
    """Convolution over time that sees zeros beyond the length, as at the start of a sequence.

    Every step gets an answer (``same`` padding) or, of ``strides``, every so many steps get one
    together; layers of it are stacked as they are.  A plain convolution would read whatever stands
    in the padding, and so let its amount change the answer.

    Args:
        filters: width of the output.
        kernel_size: steps that an output sees; of an even number, one more after than before.
        activation: of Keras, by name or as a function.
        strides: steps that become one; how many there then are ``StridedLengths`` says.

    Call arguments: values ``[batch, time, units]``, lengths ``[batch]``.
    Returns: ``[batch, ceil(time / strides), filters]``, 0 in the padding.

    Raises:
        ValueError: filters, kernel size or strides below 1, or strides above the kernel size, so
            that steps would go unseen.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        activation: Any = "relu",
        strides: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = {"filters": filters, "kernel_size": kernel_size, "strides": strides}
        for field, value in given.items():
            if value < 1:
                raise ValueError(f"{field}: {value} came; at least 1 is needed")
        if strides > kernel_size:
            raise ValueError(
                f"strides: {strides} came; a kernel of {kernel_size} would leave steps unseen"
            )
        self.strides = strides
        self.convolution = keras.layers.Conv1D(
            filters,
            kernel_size,
            strides=strides,
            padding="same" if strides == 1 else "valid",
            activation=activation,
            dtype=self.dtype_policy,
            name="convolution",
        )

    def build(self, values_shape, lengths_shape):
        self.convolution.build(values_shape)

    def call(self, values, lengths):
        values = zero_padding(values, lengths)
        if self.strides == 1:
            return zero_padding(self.convolution(values), lengths)
        # "same" would begin elsewhere for another number of steps in the batch.
        beyond = self.convolution.kernel_size[0] - self.strides
        behind = beyond - beyond // 2 + self.strides - 1
        values = ops.pad(values, [[0, 0], [beyond // 2, behind], [0, 0]])
        return zero_padding(self.convolution(values), strided(lengths, self.strides))

    def compute_output_shape(self, values_shape, lengths_shape):
        steps = (
            values_shape[1] if values_shape[1] is None else strided(values_shape[1], self.strides)
        )
        return (values_shape[0], steps, self.convolution.filters)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.convolution.filters,
            "kernel_size": self.convolution.kernel_size[0],
            "strides": self.strides,
            "activation": keras.activations.serialize(self.convolution.activation),
        }


def strided(steps: Any, strides: int) -> Any:
    """How many steps are left of some, a number or a tensor, where so many become one."""
    return (steps + strides - 1) // strides


@keras.saving.register_keras_serializable(package="rondo")
class StridedLengths(keras.layers.Layer):
    """Lengths behind a convolution with strides.

    Args:
        strides: steps that become one.
        **kwargs: of ``keras.layers.Layer``.

    Call arguments: lengths int32 ``[batch]``.
    Returns: int32 ``[batch]``.
    """

    def __init__(self, strides: int, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "int32", **kwargs})
        self.strides = strides

    def call(self, lengths):
        return strided(ops.cast(lengths, "int32"), self.strides)

    def compute_output_shape(self, lengths_shape):
        return lengths_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "strides": self.strides}
