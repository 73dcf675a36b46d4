"""Chrono initialisation: the gates of an LSTM or GRU start with the memory that a task needs.

A gate whose bias is ``log(t - 1)`` keeps a share of ``1 - 1/t`` of the state at each step, so that
the state decays over about ``t`` steps.  Each unit draws a ``t`` of its own between 2 and the
longest dependency that is expected (Tallec and Ollivier, "Can recurrent neural networks warp
time?", ICLR 2018).

The orthogonal recurrent kernel and the forget bias of one are Keras's own defaults
(``recurrent_initializer="orthogonal"``, ``unit_forget_bias=True``).
"""

import math
from typing import Any

import keras
from keras import ops

SHORTEST_TIMESCALE = 3


class _Chrono(keras.initializers.Initializer):
    """What both have: the timescale, and the gate biases ``log U(1, timescale - 1)``.

    Args:
        timescale: longest dependency that is expected, in timesteps, at least 3.
        seed: int, ``keras.random.SeedGenerator`` or None, as Keras's own initialisers take it.

    Raises:
        ValueError: the timescale is less than 3 or not finite.
    """

    def __init__(self, timescale: float, seed: Any = None):
        if not (math.isfinite(timescale) and timescale >= SHORTEST_TIMESCALE):
            raise ValueError(
                f"{type(self).__name__}: timescale is {timescale!r}, and the longest dependency is "
                f"{SHORTEST_TIMESCALE} timesteps at least, since the memory of a unit is drawn "
                f"from 2 timesteps up to it; leave {type(self).__name__} out for shorter ones"
            )
        self.timescale = timescale
        self._draw = keras.initializers.RandomUniform(1.0, timescale - 1.0, seed=seed)

    def get_config(self) -> dict[str, Any]:
        return {"timescale": self.timescale, "seed": self._draw.get_config()["seed"]}

    def _memories(self, units: int, dtype: Any):
        return ops.log(self._draw((units,), dtype=dtype))

    def _units(self, shape: tuple[int, ...], gates: int, leading: tuple[tuple[int, ...], ...]):
        if len(shape) == 0 or tuple(shape[:-1]) not in leading or shape[-1] % gates:
            forms = " or ".join(str([*rows, f"{gates} * units"]) for rows in leading)
            raise ValueError(
                f"{type(self).__name__} came to a weight of shape {list(shape)}, and fills a bias "
                f"of shape {forms}; give it as bias_initializer of the layer that it is named for"
            )
        return shape[-1] // gates


@keras.saving.register_keras_serializable(package="rondo")
class ChronoLSTM(_Chrono):
    """The bias ``[4 * units]`` of Keras's LSTM, gates in its order: input, forget, cell, output.

    The forget gate gets ``b = log U(1, timescale - 1)``, the input gate ``-b``, the others zero.
    For ``keras.layers.LSTM(..., bias_initializer=ChronoLSTM(T), unit_forget_bias=False)``: a true
    ``unit_forget_bias`` would put ones over the forget gate's.  See ``_Chrono`` for the arguments.
    """

    def __call__(self, shape, dtype=None):
        units = self._units(shape, 4, ((),))
        forget = self._memories(units, dtype)
        nothing = ops.zeros_like(forget)
        return ops.concatenate([-forget, forget, nothing, nothing])


@keras.saving.register_keras_serializable(package="rondo")
class ChronoGRU(_Chrono):
    """The bias of Keras's GRU, gates in its order: update, reset, new.

    ``[2, 3 * units]`` with ``reset_after`` (the default), where the first row, the input's, is
    filled; ``[3 * units]`` without.  The update gate, which in Keras's GRU is the share of the old
    state that is kept, gets ``log U(1, timescale - 1)``, all else zero.  See ``_Chrono`` for the
    arguments.
    """

    def __call__(self, shape, dtype=None):
        units = self._units(shape, 3, ((2,), ()))
        update = self._memories(units, dtype)
        row = ops.concatenate([update, ops.zeros((2 * units,), dtype=update.dtype)])
        return row if len(shape) == 1 else ops.stack([row, ops.zeros_like(row)])
