"""The loss of a forecast and the metric that is shown while training.

Both take true values ``[batch, horizon]`` or ``[batch, horizon, channels]`` and answers ``[batch,
horizon, channels, width]``; a true value that is NaN is unknown and does not count.
"""

from typing import Any

import keras
from keras import ops

from models.tasks.forecast import Options
from models.tasks.forecast.heads import head_of


@keras.saving.register_keras_serializable(package="rondo")
class ForecastLoss(keras.losses.Loss):
    """The mean loss of a row's known values.

    Args:
        options: the task's, as JSON.
        name: of the loss.
        **kwargs: of ``keras.losses.Loss``.
    """

    def __init__(self, options: str, name: str = "forecast_loss", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self._options = options
        self._head = head_of(Options.model_validate_json(options))

    def call(self, y_true, y_pred):
        truth = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred)[:-1])
        known = ops.logical_not(ops.isnan(truth))
        # A NaN in the branch not taken would still reach the gradient.
        filled = ops.where(known, truth, ops.stop_gradient(self._head.forecast(y_pred)))
        losses = ops.where(known, self._head.losses(filled, y_pred), 0.0)
        count = ops.sum(ops.cast(known, y_pred.dtype), axis=(1, 2))
        return ops.sum(losses, axis=(1, 2)) / ops.maximum(count, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "options": self._options}


@keras.saving.register_keras_serializable(package="rondo")
class MeanAbsoluteError(keras.metrics.Mean):
    """The mean absolute error of point forecasts over the known values, in original units.

    Args:
        options: the task's, as JSON.
        name: of the metric.
        **kwargs: of ``keras.metrics.Mean``.
    """

    def __init__(self, options: str, name: str = "mae", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self._options = options
        self._head = head_of(Options.model_validate_json(options))

    def update_state(self, y_true, y_pred, sample_weight=None):
        truth = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred)[:-1])
        known = ops.logical_not(ops.isnan(truth))
        error = ops.where(known, ops.abs(truth - self._head.forecast(y_pred)), 0.0)
        super().update_state(error, sample_weight=ops.cast(known, y_pred.dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "options": self._options}
