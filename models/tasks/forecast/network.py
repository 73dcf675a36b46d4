"""The network of a forecast: a scaled context through the encoder, a decoder over the horizon.

The context stands, with what is known in advance beside its steps, before the recurrent layers and
poolings of the experiment's ``network``; what does not change stands beside the pooled vector.  The
decoder says each step of the horizon from that vector and what is known of the step.
"""

import importlib
from collections.abc import Mapping

import keras

from models.dotted import cell_module
from models.encoder import concatenated, pooled_encoding
from models.features import steps as feature_steps
from models.features.analyzers import Learnt
from models.layers.sequence import BesideSteps, Sequence
from models.options import FeatureOptions
from models.spec import NetworkOptions
from models.tasks.forecast import Options
from models.tasks.forecast.heads import head_of
from models.tasks.forecast.layers import (
    FeedbackCell,
    ForecastAnswers,
    ScaledWindow,
    StepsAhead,
    StepsBesideContext,
    ZerosBehind,
)

Window = dict[str, keras.KerasTensor]


def build(
    features: Mapping[str, FeatureOptions], task: Options, network: NetworkOptions, learnt: Learnt
) -> keras.Model:
    """The uncompiled network; see ``models.network.build`` for the arguments.

    Returns:
        a functional model from the features' inputs (by name) to the head's answers, float32
        ``[batch, horizon, channels, width]``.

    Raises:
        ValueError: ``decoding: autoregressive`` with a cell that keeps nothing.
    """
    inputs: dict[str, keras.KerasTensor] = {}
    encoded = {}
    for name, options in features.items():
        of_feature = feature_steps.keras_inputs(options, name)
        inputs |= of_feature
        size = network.embedding_size
        encoded[name] = feature_steps.encode(options, name, of_feature, learnt, size)
    series = encoded.pop(task.context)
    known = {name: encoded.pop(name) for name in task.known}
    layer = ScaledWindow(task.to_json(), features[task.context].raw.inner[0], name="_window")
    window = layer(series.values, series.lengths)
    beside = [
        StepsBesideContext(name=f"{name}.context")(each.values, series.values)
        for name, each in known.items()
    ]
    steps = concatenated([window["steps"], *beside], f"{task.context}.with_known")
    vectors = pooled_encoding(task.context, Sequence(steps, series.lengths), network)
    for name, each in encoded.items():
        vectors += pooled_encoding(name, each, network) if isinstance(each, Sequence) else [each]
    vector = concatenated(vectors, "_vector")
    if network.dropout:
        vector = keras.layers.Dropout(network.dropout, name="_dropout")(vector)
    ahead = [
        StepsAhead(task.horizon, name=f"{name}.ahead")(each.values, series.lengths)
        for name, each in known.items()
    ]
    decode = _direct if task.decoding == "direct" else _autoregressive
    raw = decode(vector, ahead, window, task, network)
    answers = ForecastAnswers(task.to_json(), name="forecast.answers")
    output = answers(raw, window["continued"], window["location"], window["scale"])
    return keras.Model(inputs, output, name="network")


def head(options: Options, body: keras.KerasTensor, learnt: Learnt) -> keras.KerasTensor:
    """For a network of one's own: ``[batch, units]`` to answers, in units of the label itself."""
    size = head_of(options).size
    shape = (options.horizon, options.width, size)
    raw = _shaped(body, options.horizon * options.width * size, shape, "forecast.direct")
    nothing = keras.ops.zeros_like(raw[..., 0])
    answers = ForecastAnswers(options.to_json(), name="forecast.answers")
    return answers(raw, nothing, nothing[:, :1], nothing[:, :1] + 1.0)


def _direct(
    vector: keras.KerasTensor,
    ahead: list[keras.KerasTensor],
    window: Window,
    task: Options,
    network: NetworkOptions,
) -> keras.KerasTensor:
    """All steps at once, ``[batch, horizon, channels, size]``."""
    size = head_of(task).size
    shape = (task.horizon, task.width, size)
    parts = [_shaped(vector, task.horizon * task.width * size, shape, "forecast.direct")]
    if ahead:
        steps = concatenated(ahead, "forecast.known")
        steps = BesideSteps(name="forecast.known_beside")(steps, vector)
        hidden = keras.layers.Dense(network.units, "tanh", name="forecast.hidden")(steps)
        parts.append(_shaped(hidden, task.width * size, shape, "forecast.of_known"))
    if task.linear:
        # [batch, channels, linear] to each step's first number, which is what is forecast.
        of_tail = keras.layers.Dense(
            task.horizon, kernel_initializer="zeros", dtype="float32", name="forecast.linear"
        )(window["changes"])
        of_tail = keras.layers.Permute((2, 1), name="forecast.linear_by_step")(of_tail)
        parts.append(ZerosBehind(size, name="forecast.linear_first")(of_tail))
    return keras.layers.Add(name="forecast.sum")(parts) if len(parts) > 1 else parts[0]


def _autoregressive(
    vector: keras.KerasTensor,
    ahead: list[keras.KerasTensor],
    window: Window,
    task: Options,
    network: NetworkOptions,
) -> keras.KerasTensor:
    """Step by step, ``[batch, horizon, channels, size]``."""
    made = importlib.import_module(cell_module(network.cell)).layer(
        network.units, "forecast.decoder", **network.cell_options
    )
    if not hasattr(made, "cell"):
        raise ValueError(
            f"decoding: autoregressive with cell: {network.cell}, which keeps nothing from step to "
            "step (take a recurrent cell, or decoding: direct)"
        )
    cell = FeedbackCell(task.to_json(), made.cell, name="forecast.feedback")
    *inner, _ = cell.state_size
    start = [
        keras.layers.Dense(size, "tanh", dtype="float32", name=f"forecast.start.{place}")(vector)
        for place, size in enumerate(inner)
    ]
    steps = concatenated([*ahead, window["continued"]], "forecast.steps")
    said = keras.layers.RNN(cell, return_sequences=True, dtype="float32", name="forecast.decoding")(
        steps, initial_state=[*start, window["last"]]
    )
    shape = (task.horizon, task.width, head_of(task).size)
    return keras.layers.Reshape(shape, name="forecast.raw")(said)


def _shaped(
    values: keras.KerasTensor, units: int, shape: tuple[int, ...], name: str
) -> keras.KerasTensor:
    dense = keras.layers.Dense(units, dtype="float32", name=name)
    return keras.layers.Reshape(shape, dtype="float32", name=f"{name}_shaped")(dense(values))
