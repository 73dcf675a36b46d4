"""Independently recurrent network (Li et al. 2018, https://arxiv.org/abs/1803.04831).

``h_t = relu(W x_t + u * h_{t-1} + b)``: each unit remembers by itself, one recurrent weight each,
and units are mixed by the next layer.  With ``|u| <= 2^(1/T)`` no gradient more than doubles in
``T`` steps.  Deep stacks of it train with residual connections and normalisation.
"""

from typing import Any

import keras
from keras import ops

from models.layers.recurrence import Recurrence, RecurrentCell, State

TIMESCALE = 1000


@keras.saving.register_keras_serializable(package="rondo")
class AbsoluteBound(keras.constraints.Constraint):
    """Keeps each weight within ``[-bound, bound]``."""

    def __init__(self, bound: float) -> None:
        self.bound = bound

    def __call__(self, weight):
        return ops.clip(weight, -self.bound, self.bound)

    def get_config(self) -> dict[str, Any]:
        return {"bound": self.bound}


@keras.saving.register_keras_serializable(package="rondo")
class IndRNNCell(RecurrentCell):
    """Element-wise recurrence with ReLU.

    Args:
        units: width.
        timescale: ``T`` of the bound ``2^(1/T)``, in timesteps.  Recurrent weights are
            drawn evenly between 0 and the bound.
        **kwargs: of ``keras.layers.Layer``.

    Raises:
        ValueError: ``timescale`` is below 1.
    """

    def __init__(self, units: int, timescale: int = TIMESCALE, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        if timescale < 1:
            raise ValueError(f"timescale is {timescale}; it is at least 1 timestep")
        self.timescale = timescale

    @property
    def bound(self) -> float:
        """The largest absolute value of a recurrent weight."""
        return 2.0 ** (1.0 / self.timescale)

    def build(self, inputs_shape):
        units = self.units
        self.kernel = self.add_weight((inputs_shape[-1], units), "glorot_uniform", name="kernel")
        self.recurrent_weight = self.add_weight(
            (units,),
            keras.initializers.RandomUniform(0.0, self.bound),
            constraint=AbsoluteBound(self.bound),
            name="recurrent_weight",
        )
        self.bias = self.add_weight((units,), "zeros", name="bias")

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias

    def step(self, projected, states: State) -> tuple[Any, State]:
        hidden = ops.relu(projected + self.recurrent_weight * states[0])
        return hidden, [hidden]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "timescale": self.timescale}


def layer(
    units: int, name: str, *, recurrent_dropout: float = 0.0, timescale: int | None = None
) -> keras.layers.Layer:
    """A layer from ``[batch, time, features]`` to ``[batch, time, units]``.

    Args:
        units: width.
        name: of the layer.
        recurrent_dropout: share of the hidden state's units dropped for a training sequence.
        timescale: longest dependency expected, in timesteps, which bounds the recurrent weights;
            1000 if left out.
    """
    cell = IndRNNCell(units, timescale or TIMESCALE)
    return Recurrence(cell, recurrent_dropout=recurrent_dropout, name=name)
