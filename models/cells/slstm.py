"""Scalar LSTM with exponential gating (xLSTM, Beck et al. 2024, https://arxiv.org/abs/2405.04517).

With ``z = tanh``, ``i = exp``, ``f = sigmoid`` and ``o = sigmoid`` of ``W x_t + R h_{t-1} + b``::

    c_t = f c_{t-1} + i z        n_t = f n_{t-1} + i        h_t = o c_t / n_t

``R`` mixes memory within heads only: it is block-diagonal.  Cell ``c`` and normaliser ``n`` are
kept divided by ``exp(m)``, the stabiliser ``m_t = max(log f + m_{t-1}, log i)`` (equations 15 to 17
of the paper), so that no exponential overflows and ``h`` stays what it is.
"""

from typing import Any

import keras
from keras import ops

from models.initialisers import ChronoLSTM
from models.layers.heads import ExponentialCell, HeadwiseOrthogonal
from models.layers.recurrence import Recurrence, State


@keras.saving.register_keras_serializable(package="rondo")
class SLSTMCell(ExponentialCell):
    """The states are ``h``, ``c``, ``n`` and ``m``, ``[batch, units]`` each.

    The forget gate's biases start evenly spread from 3 to 6 in each head (memories that fade by
    half in 14 to 280 steps), or as ``timescale`` says.

    Args:
        units: width.
        heads: groups of units that share memory; divides ``units``.
        timescale: longest dependency expected, in timesteps: chrono initialisation.
        **kwargs: of ``keras.layers.Layer``.

    Raises:
        ValueError: ``heads`` does not divide ``units``, or ``timescale`` is below 3.
    """

    def __init__(
        self, units: int, heads: int = 4, timescale: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(units, heads, timescale, **kwargs)
        self.state_size = [units] * 4

    def build(self, inputs_shape):
        # The last axis of kernel and bias is [heads, gates i f z o, units of a head].
        features, units, head_units = inputs_shape[-1], self.units, self.head_units
        self.kernel = self.add_weight((features, 4 * units), "glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            (self.heads, head_units, 4 * head_units), HeadwiseOrthogonal(), name="recurrent_kernel"
        )
        self.bias = self.add_weight((4 * units,), self._first_bias, name="bias")

    def _first_bias(self, shape, dtype=None):
        if self.timescale is None:
            spread = ops.linspace(3.0, 6.0, self.head_units, dtype=dtype)
            nothing = ops.zeros_like(spread)
            gates = ops.stack([nothing, spread, nothing, nothing])
            return ops.reshape(ops.tile(gates, [self.heads, 1]), shape)
        gates = ChronoLSTM(self.timescale)(shape, dtype)
        gates = ops.reshape(gates, (4, self.heads, self.head_units))
        return ops.reshape(ops.transpose(gates, (1, 0, 2)), shape)

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel) + self.bias

    def step(self, projected, states: State) -> tuple[Any, State]:
        gates, states = self._gated(projected, states)
        states = [gates["o"] * states[0] / states[1], *states]
        states = [ops.reshape(state, (-1, self.units)) for state in states]
        return states[0], states

    def _gated(self, projected, states: State) -> tuple[dict[str, Any], State]:
        """The gates, ``i`` and ``f`` divided by ``exp(m)``, and the new ``c``, ``n`` and ``m``."""
        by_head = (-1, self.heads, self.head_units)
        hidden, cell, normaliser, stabiliser = (ops.reshape(state, by_head) for state in states)
        mixed = ops.matmul(ops.transpose(hidden, (1, 0, 2)), self.recurrent_kernel)
        gates = ops.reshape(projected, (-1, self.heads, 4 * self.head_units))
        gates = gates + ops.transpose(mixed, (1, 0, 2))
        input_gate, forget_gate, candidate, output_gate = ops.split(gates, 4, axis=-1)
        remembered = ops.log_sigmoid(forget_gate) + stabiliser
        stabiliser = ops.stop_gradient(ops.maximum(remembered, input_gate))
        kept, added = ops.exp(remembered - stabiliser), ops.exp(input_gate - stabiliser)
        candidate, output_gate = ops.tanh(candidate), ops.sigmoid(output_gate)
        cell = kept * cell + added * candidate
        normaliser = kept * normaliser + added
        named = {"i": added, "f": kept, "z": candidate, "o": output_gate}
        return named, [cell, normaliser, stabiliser]

    def gates(self, inputs, states: State) -> dict[str, Any]:
        """What the gates let through at a step.

        Args:
            inputs: ``[batch, features]``.
            states: before the step.

        Returns:
            ``[batch, units]`` each: ``input gate``, the share of the memory that is of this step,
            ``forget gate``, that of the steps before, ``candidate`` and ``output gate``.
        """
        gates, (_, normaliser, _) = self._gated(self.project(inputs), list(states))
        share = gates["i"] / normaliser
        shown = {
            "input gate": share,
            "forget gate": 1.0 - share,
            "candidate": gates["z"],
            "output gate": gates["o"],
        }
        return {name: ops.reshape(gate, (-1, self.units)) for name, gate in shown.items()}


def layer(
    units: int,
    name: str,
    *,
    heads: int = 4,
    recurrent_dropout: float = 0.0,
    timescale: int | None = None,
) -> keras.layers.Layer:
    """A layer from ``[batch, time, features]`` to ``[batch, time, units]``.

    Args:
        units: width.
        name: of the layer.
        heads: groups of units that share memory; divides ``units``.
        recurrent_dropout: share of the hidden state's units dropped for a training sequence.
        timescale: longest dependency expected, in timesteps: chrono initialisation.
    """
    cell = SLSTMCell(units, heads, timescale)
    return Recurrence(cell, recurrent_dropout=recurrent_dropout, name=name)
