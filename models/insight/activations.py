"""What a network's layers hold at each step: hidden states, gates, weights of attention."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from models.layers.sequence import check_lengths

BACKWARD = ".backward."
"""In the names of the layers that ``models.network`` lets read a feature from its end."""

States = list[tf.Tensor]
Gates = dict[str, tf.Tensor]


class LayerActivations(NamedTuple):
    """What a recurrent layer held at each step.

    Attributes:
        layer: its name.
        hidden: what it gave, float32 ``[batch, time, units]``; 0 in the padding.  Of a layer that
            reads from the end too the steps stand in the order of the input.
        gates: gates and candidates by name, likewise; none of a cell that says nothing of them.
    """

    layer: str
    hidden: np.ndarray
    gates: dict[str, np.ndarray]


class LayerWeights(NamedTuple):
    """What a layer of attention looked at.

    Attributes:
        layer: its name.
        weights: float32 ``[batch, time]``, of a layer with several heads ``[batch, heads, time]``,
            of one that answers each step ``[batch, heads, step, time]``; 0 in the padding.
    """

    layer: str
    weights: np.ndarray


def activations(
    network: keras.Model, inputs: Mapping[str, tf.Tensor], feature: str
) -> list[LayerActivations]:
    """Hidden states and gates of each recurrent layer over a feature, from the lowest up.

    Gates are computed from the weights, step by step, for ``keras.layers.LSTM`` and ``GRU``; of
    another cell its method ``gates(inputs [batch, features], states) -> {name: [batch, ...]}``
    says them, if it has one.

    Args:
        network: its recurrent layers over the feature are named ``FEATURE.something``.
        inputs: the network's inputs by name, batched and padded.
        feature: name of the sequence feature.

    Raises:
        ValueError: a length is not within its row.
    """
    lengths = _lengths(inputs, feature)
    layers = [layer for layer in _over(network, feature) if isinstance(layer, keras.layers.RNN)]
    found = []
    for layer, read in _read(network, inputs, layers):
        backward = BACKWARD in layer.name
        hidden, gates = _stepped(layer, read)
        found.append(
            LayerActivations(
                layer.name,
                _in_order(hidden, lengths, backward),
                {name: _in_order(gate, lengths, backward) for name, gate in gates.items()},
            )
        )
    return found


def attention_weights(
    network: keras.Model, inputs: Mapping[str, tf.Tensor], feature: str
) -> list[LayerWeights]:
    """Weights of each layer of attention over a feature (one with a method ``attend``).

    Args:
        network: its layers over the feature are named ``FEATURE.something``.
        inputs: the network's inputs by name, batched and padded.
        feature: name of the sequence feature.

    Raises:
        ValueError: a length is not within its row.
    """
    lengths = _lengths(inputs, feature)
    layers = [layer for layer in _over(network, feature) if hasattr(layer, "attend")]
    found = []
    for layer, read in _read(network, inputs, layers):
        weights = _float32(layer.attend(*read)[1])
        if BACKWARD in layer.name:
            weights = _reversed(np.moveaxis(weights, -1, 1), lengths)
            weights = np.moveaxis(weights, 1, -1)
        found.append(LayerWeights(layer.name, weights))
    return found


def _lengths(inputs: Mapping[str, tf.Tensor], feature: str) -> np.ndarray:
    lengths = inputs[f"{feature}_length"]
    check_lengths(inputs[feature], lengths)
    return np.asarray(lengths)


def _over(network: keras.Model, feature: str) -> list[keras.layers.Layer]:
    """The layers over a feature, by their names."""
    return [layer for layer in network.layers if layer.name.startswith(f"{feature}.")]


def _read(
    network: keras.Model, inputs: Mapping[str, tf.Tensor], layers: list[keras.layers.Layer]
) -> list[tuple[keras.layers.Layer, Any]]:
    """Each of some layers with what it reads."""
    if not layers:
        return []
    ordered = [inputs[tensor.name] for tensor in network.inputs]
    read = {layer.name: layer.input for layer in layers}
    values = keras.Model(network.inputs, read)(ordered, training=False)
    return [(layer, values[layer.name]) for layer in layers]


def _in_order(values: tf.Tensor, lengths: np.ndarray, backward: bool) -> np.ndarray:
    """float32 ``[batch, time, units]`` in the order of the input, 0 in the padding."""
    array = _float32(values)
    array = array.reshape(*array.shape[:2], -1)
    inside = np.arange(array.shape[1])[None, :, None] < lengths[:, None, None]
    array = np.where(inside, array, np.float32(0.0))
    return _reversed(array, lengths) if backward else array


def _reversed(array: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    turned = array.copy()
    for row, length in enumerate(lengths):
        turned[row, :length] = array[row, :length][::-1]
    return turned


def _float32(values: tf.Tensor) -> np.ndarray:
    return ops.convert_to_numpy(ops.cast(values, "float32"))


def _stepped(layer: keras.layers.RNN, values: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Hidden states ``[batch, time, units]`` and gates by name, ``[batch, time, ...]``."""
    cell = layer.cell
    gates_of = _gates_of(cell)
    states = list(layer.get_initial_state(values.shape[0]))
    hidden: list[tf.Tensor] = []
    gates: dict[str, list[tf.Tensor]] = {}
    for step in range(values.shape[1]):
        if gates_of is not None:
            for name, gate in gates_of(values[:, step], states).items():
                gates.setdefault(name, []).append(gate)
        output, after = cell(values[:, step], states, training=False)
        hidden.append(output)
        states = list(after)
    return ops.stack(hidden, axis=1), {
        name: ops.stack(steps, axis=1) for name, steps in gates.items()
    }


def _gates_of(cell: keras.layers.Layer) -> Callable[[tf.Tensor, States], Gates] | None:
    """What computes a cell's gates from a step's input and the states before it, if anything."""
    if isinstance(cell, keras.layers.LSTMCell):
        return functools.partial(_lstm_gates, cell)
    if isinstance(cell, keras.layers.GRUCell):
        return functools.partial(_gru_gates, cell)
    return getattr(cell, "gates", None)


def _lstm_gates(cell: keras.layers.LSTMCell, x: tf.Tensor, states: States) -> Gates:
    """Gates of a step, in Keras's order of the kernel: i, f, c, o."""
    sums = ops.matmul(_like(x, cell.kernel), cell.kernel)
    sums += ops.matmul(_like(states[0], cell.kernel), cell.recurrent_kernel)
    if cell.use_bias:
        sums += cell.bias
    into, forget, candidate, out = ops.split(sums, 4, axis=-1)
    return {
        "input gate": cell.recurrent_activation(into),
        "forget gate": cell.recurrent_activation(forget),
        "candidate": cell.activation(candidate),
        "output gate": cell.recurrent_activation(out),
    }


def _gru_gates(cell: keras.layers.GRUCell, x: tf.Tensor, states: States) -> Gates:
    """Gates of a step, in Keras's order of the kernel: z, r, h."""
    hidden, units = _like(states[0], cell.kernel), cell.units
    from_input = ops.matmul(_like(x, cell.kernel), cell.kernel)
    recurrent = ops.matmul(hidden, cell.recurrent_kernel[:, : 2 * units])
    bias = 0.0
    if cell.use_bias:
        from_input += cell.bias[0] if cell.reset_after else cell.bias
        bias = cell.bias[1] if cell.reset_after else 0.0
    if cell.reset_after and cell.use_bias:
        recurrent += bias[: 2 * units]
        bias = bias[2 * units :]
    update = cell.recurrent_activation(from_input[:, :units] + recurrent[:, :units])
    reset = cell.recurrent_activation(from_input[:, units : 2 * units] + recurrent[:, units:])
    kernel = cell.recurrent_kernel[:, 2 * units :]
    if cell.reset_after:
        remembered = reset * (ops.matmul(hidden, kernel) + bias)
    else:
        remembered = ops.matmul(reset * hidden, kernel)
    return {
        "update gate": update,
        "reset gate": reset,
        "candidate": cell.activation(from_input[:, 2 * units :] + remembered),
    }


def _like(values: tf.Tensor, weights: keras.Variable) -> tf.Tensor:
    return ops.cast(values, weights.dtype)
