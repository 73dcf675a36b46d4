"""The layers of a forecasting network beside the encoder's.

All compute in float32, whatever the policy: a series of large numbers has its digits there.
"""

from typing import Any

import keras
from keras import ops

from models.tasks.forecast import Options
from models.tasks.forecast.heads import head_of
from models.tasks.forecast.scaling import context_of, continued, last_measured, moments


class _WithOptions(keras.layers.Layer):
    """A layer that is told the task's options, as JSON so that it can be written."""

    def __init__(self, options: str, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self._json = options
        self.options = Options.model_validate_json(options)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "options": self._json}


@keras.saving.register_keras_serializable(package="rondo")
class ScaledWindow(_WithOptions):
    """Scales each window by itself.

    Call arguments: the context ``[batch, time, depth]`` or, with what was measured behind,
    ``[batch, time, 2 * depth]``; lengths ``[batch]``.

    Returns a dict, numbers in units of the window's scale where nothing else is said:
        * ``steps``: the context, of the shape that came; 0 in the padding.
        * ``location``, ``scale``: ``[batch, 1, channels]`` of what is forecast, original units.
        * ``continued``: ``[batch, horizon, channels]``, what the forecast is a residual of.
        * ``last``: ``[batch, channels]``, the last value.
        * ``tail``: ``[batch, channels, linear]``, the last values, 0 before the first; not without
          ``linear``.
        * ``changes``: likewise, what the network's linear map reads: of a ``season`` shorter than
          ``linear``, how the last values differ from those a season before, 0 where there was
          nothing measured yet, and the last season itself; elsewhere the ``tail``.

    Args:
        options: the task's, as JSON.
        depth: channels of the context.
    """

    def __init__(self, options: str, depth: int, **kwargs: Any) -> None:
        super().__init__(options, **kwargs)
        self.depth = depth

    def call(self, values, lengths):
        options, depth = self.options, self.depth
        lengths = ops.cast(lengths, "int32")
        every = context_of(values, lengths, depth)
        if options.log:
            # 1 where nothing was measured, whose logarithm is 0.
            positive = ops.where(every.measured, every.values, ops.ones_like(every.values))
            every = every._replace(values=ops.log(positive))
        location, scale = moments(every, options.scaling, options.season, options.log)
        scaled = ops.where(every.measured, (every.values - location) / scale, 0.0)
        steps = ops.concatenate([scaled, values[..., depth:]], axis=-1)
        # Numbers in the padding are the sender's: what was measured there says nothing.
        steps = ops.where(
            ops.arange(ops.shape(values)[1])[None, :, None] < lengths[:, None, None], steps, 0.0
        )
        forecast = context_of(steps, lengths, depth, options.channels)
        season = options.season if options.residual == "seasonal" else 1
        going_on = continued(forecast, options.horizon, season)
        if options.residual == "none":
            going_on = ops.zeros_like(going_on)
        found = {
            "steps": steps,
            "location": ops.take(location, options.channels, axis=-1),
            "scale": ops.take(scale, options.channels, axis=-1),
            "continued": going_on,
            "last": continued(forecast, 1, 1)[:, 0],
        }
        if options.linear:
            back = ops.arange(options.linear, dtype="int32")[None, :] - options.linear
            place = lengths[:, None] + back
            values = last_measured(forecast, ops.maximum(place, 0))
            tail = ops.where((place >= 0)[..., None], values, 0.0)
            changes, season = tail, options.season
            if 1 < season < options.linear:
                # The same map of them, but one that is found in far fewer steps: what repeats
                # would make all inputs alike.
                changes = tail[:, season:] - tail[:, :-season]
                time = ops.arange(ops.shape(steps)[1], dtype="int32")[None, :, None]
                first = ops.min(ops.where(forecast.measured, time, ops.shape(steps)[1]), axis=1)
                begun = place[:, :-season, None] >= first[:, None]
                changes = ops.where(begun, changes, 0.0)
                changes = ops.concatenate([changes, tail[:, -season:]], axis=1)
            found["tail"] = ops.transpose(tail, (0, 2, 1))
            found["changes"] = ops.transpose(changes, (0, 2, 1))
        return found

    def compute_output_spec(self, values, lengths):
        batch, width = values.shape[0], self.options.width

        def spec(*shape: int | None) -> keras.KerasTensor:
            return keras.KerasTensor((batch, *shape), "float32")

        found = {
            "steps": spec(*values.shape[1:]),
            "location": spec(1, width),
            "scale": spec(1, width),
            "continued": spec(self.options.horizon, width),
            "last": spec(width),
        }
        if self.options.linear:
            found |= dict.fromkeys(("tail", "changes"), spec(width, self.options.linear))
        return found

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "depth": self.depth}


@keras.saving.register_keras_serializable(package="rondo")
class StepsBesideContext(keras.layers.Layer):
    """Of what is known over context and horizon, the steps of the context.

    Call arguments: values ``[batch, time, units]``, the context's steps ``[batch, context, ...]``.
    Returns: ``[batch, context, units]``; beyond the context of a row, anything.
    """

    def call(self, values, steps):
        # Both are padded as their sender likes; within a row's lengths the steps are the same.
        place = ops.arange(ops.shape(steps)[1], dtype="int32")
        place = ops.minimum(place, ops.shape(values)[1] - 1)
        return ops.take(values, place, axis=1)

    def compute_output_shape(self, values_shape, steps_shape):
        return (*steps_shape[:2], values_shape[-1])


@keras.saving.register_keras_serializable(package="rondo")
class StepsAhead(keras.layers.Layer):
    """Of what is known over context and horizon, the steps of the horizon.

    Call arguments: values ``[batch, time, units]``, lengths of the context ``[batch]``.
    Returns: ``[batch, horizon, units]``.

    Args:
        horizon: steps.
        **kwargs: of ``keras.layers.Layer``.
    """

    def __init__(self, horizon: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.horizon = horizon

    def call(self, values, lengths):
        ahead = ops.arange(self.horizon, dtype="int32")[None, :]
        place = ops.cast(lengths, "int32")[:, None] + ahead
        place = ops.minimum(place, ops.shape(values)[1] - 1)
        return ops.take_along_axis(values, place[..., None], axis=1)

    def compute_output_shape(self, values_shape, lengths_shape):
        return (values_shape[0], self.horizon, values_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "horizon": self.horizon}


@keras.saving.register_keras_serializable(package="rondo")
class ZerosBehind(keras.layers.Layer):
    """Puts zeros behind each number.

    Call arguments: values ``[...]``.
    Returns: ``[..., size]``.

    Args:
        size: of the last axis.
        **kwargs: of ``keras.layers.Layer``.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, values):
        zeros = ops.zeros_like(values)
        return ops.stack([values, *[zeros] * (self.size - 1)], axis=-1)

    def compute_output_shape(self, values_shape):
        return (*values_shape, self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="rondo")
class FeedbackCell(_WithOptions):
    """A cell that reads its own last forecast: one step of the horizon.

    It is trained as it is used, by its own forecasts, and so has no exposure bias (Bengio et al.
    2015, https://arxiv.org/abs/1506.03099).  Inputs ``[batch, features + channels]``: what is known
    of the step, then what the forecast is a residual of.  Output ``[batch, channels * size]``, as
    the head reads it.  States: the inner cell's, then the last forecast ``[batch, channels]``.

    Args:
        options: the task's, as JSON.
        cell: in Keras's cell protocol.
    """

    def __init__(self, options: str, cell: keras.layers.Layer, **kwargs: Any) -> None:
        super().__init__(options, **kwargs)
        self.cell = cell
        sizes = cell.state_size
        self._inner = [sizes] if isinstance(sizes, int) else list(sizes)
        self.channels = self.options.width
        self.head = head_of(self.options)
        self.output_size = self.channels * self.head.size
        self.state_size = [*self._inner, self.channels]
        self.said = keras.layers.Dense(self.output_size, dtype="float32", name="said")

    def build(self, inputs_shape):
        batch, width = inputs_shape[0], inputs_shape[-1]
        # A cell that was read from a file is built already.
        if not self.cell.built:
            self.cell.build((batch, width + self.channels))
        self.said.build((batch, self.cell.output_size))
        self.built = True

    def call(self, inputs, states, training=False):
        *inner, last = states
        output, inner = self.cell(
            ops.concatenate([inputs, last], axis=-1),
            inner if len(inner) > 1 else inner[0],
            training=training,
        )
        inner = list(inner) if isinstance(inner, list | tuple) else [inner]
        said = self.said(output)
        raw = ops.reshape(said, (-1, self.channels, self.head.size))
        forecast = self.head.point(raw) + inputs[:, -self.channels :]
        return said, [*inner, forecast]

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, size), "float32") for size in self.state_size]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cell": keras.layers.serialize(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FeedbackCell":
        return cls(**{**config, "cell": keras.layers.deserialize(config["cell"])})


@keras.saving.register_keras_serializable(package="rondo")
class ForecastAnswers(_WithOptions):
    """What the network says, in original units; see ``models.tasks.forecast.heads``.

    Call arguments: raw ``[batch, horizon, channels, size]``, the ``continued``, ``location`` and
    ``scale`` of ``ScaledWindow``.
    Returns: ``[batch, horizon, channels, width]``.
    """

    def call(self, raw, going_on, location, scale):
        location, scale = (part + ops.zeros_like(going_on) for part in (location, scale))
        return head_of(self.options).answers(raw, going_on, location, scale)

    def compute_output_spec(self, raw, going_on, location, scale):
        extra = 1 if self.options.head in ("point", "quantiles") else 0
        return keras.KerasTensor((*raw.shape[:-1], raw.shape[-1] + extra), "float32")
