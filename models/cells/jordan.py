"""Jordan's network: the output is fed back, not the hidden state.

Jordan 1986, *Serial order: a parallel distributed processing approach* (ICS Report 8604; reprinted
1997, https://doi.org/10.1016/S0166-4115(97)80111-2).

``h_t = tanh(W x_t + U y_{t-1} + b)``, ``y_t = tanh(V h_t + c)``: what is remembered is what was
answered.
"""

from typing import Any

import keras
from keras import ops

from models.layers.recurrence import Recurrence, RecurrentCell, State


@keras.saving.register_keras_serializable(package="rondo")
class JordanCell(RecurrentCell):
    """A hidden layer and an output layer of ``units`` each; the state is the last output."""

    def build(self, inputs_shape):
        units = self.units
        self.kernel = self.add_weight((inputs_shape[-1], units), "glorot_uniform", name="kernel")
        self.bias = self.add_weight((units,), "zeros", name="bias")
        self.feedback_kernel = self.add_weight((units, units), "orthogonal", name="feedback_kernel")
        self.output_kernel = self.add_weight((units, units), "orthogonal", name="output_kernel")
        self.output_bias = self.add_weight((units,), "zeros", name="output_bias")

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias

    def step(self, projected, states: State) -> tuple[Any, State]:
        hidden = ops.tanh(projected + ops.matmul(states[0], self.feedback_kernel))
        output = ops.tanh(ops.matmul(hidden, self.output_kernel) + self.output_bias)
        return output, [output]


def layer(units: int, name: str, *, recurrent_dropout: float = 0.0) -> keras.layers.Layer:
    """A layer from ``[batch, time, features]`` to the outputs ``[batch, time, units]``.

    Args:
        units: width of the hidden layer and of the output.
        name: of the layer.
        recurrent_dropout: share of the fed back units dropped for a training sequence.
    """
    return Recurrence(JordanCell(units), recurrent_dropout=recurrent_dropout, name=name)
