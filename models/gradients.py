"""The gradient of the loss with respect to a recurrent layer's state, by lag.

How much the loss still feels of the state ``lag`` steps before the end of a sequence decides
whether a dependency of that length can be learnt (Bengio, Simard and Frasconi 1994,
https://doi.org/10.1109/72.279181).  Wanted is the total derivative, through the recurrence: the
layer's steps are run with a zero added to each state, and the derivative with respect to that zero
is it.  Needs Keras's TensorFlow backend.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops, tree

from models.calls import Call, Walk, walk

LENGTH_SUFFIX = "_length"
H, FIRST_STATE = "h", "first state"


class LagNorms(NamedTuple):
    """Norms of a layer, by lag, 0 for the last step within a row's length.

    Attributes:
        of: ``h``, the state that the cell also gives out, or, where it gives out none of them,
            ``first state``, such as the matrix of an mLSTM.
        hidden: mean over rows of the norm of d loss / d ``of``, float64 ``[lags + 1]``.
        state: likewise of the whole state side by side, such as an LSTM's h and c.
        rows: int64 ``[lags + 1]``, rows longer than the lag; the norms are NaN without any, and at
            lag 0 of a cell that gives out none of its states: nothing reads its last one.
    """

    of: str
    hidden: np.ndarray
    state: np.ndarray
    rows: np.ndarray


class _PerturbedCell(keras.layers.Layer):
    """A cell whose new states get a perturbation added, which stands beside its input.

    Call arguments: ``[batch, features + width]`` and the cell's states, where ``width`` is the
    number of values in all states of a row.  ``hidden`` is the place of the state that the cell
    also gives out, None if it gives out none; known when it was called.
    """

    def __init__(self, cell: keras.layers.Layer, features: int):
        super().__init__(dtype=cell.dtype_policy)
        self.cell = cell
        self.state_size = cell.state_size
        self.output_size = getattr(cell, "output_size", None)
        self.hidden: int | None = None
        self._features = features
        states = tree.flatten(self.get_initial_state(batch_size=1))
        self._shapes = [tuple(state.shape[1:]) for state in states]
        ends = np.cumsum([math.prod(shape) for shape in self._shapes]).tolist()
        self.slices = [slice(*pair) for pair in zip([0, *ends], ends, strict=False)]
        self.width = ends[-1]

    def build(self, input_shape):
        self.built = True

    def get_initial_state(self, batch_size=None):
        given = getattr(self.cell, "get_initial_state", None)
        if given is not None:
            return given(batch_size=batch_size)
        sizes = tree.flatten(self.cell.state_size)
        return [ops.zeros((batch_size, size), self.compute_dtype) for size in sizes]

    def call(self, inputs, states):
        output, new = self.cell(inputs[:, : self._features], states)
        perturbation = inputs[:, self._features :]
        moved = []
        for index, (state, part, shape) in enumerate(
            zip(tree.flatten(new), self.slices, self._shapes, strict=True)
        ):
            added = ops.reshape(perturbation[:, part], (-1, *shape))
            moved.append(state + ops.cast(added, state.dtype))
            if state is output:
                self.hidden = index
        if self.hidden is not None:
            output = moved[self.hidden]
        return output, tree.pack_sequence_as(new, moved)


class _Path(NamedTuple):
    """A network cut in two at a recurrent layer, whose steps are perturbed in between."""

    before: keras.Model
    cell: _PerturbedCell
    steps: keras.layers.RNN
    after: keras.Model
    length: str | None


class GradientByLag:
    """Norms of the loss's gradient with respect to each recurrent layer's states.

    Args:
        network: functional, compiled with a loss; its inputs are named as its features are, with
            int32 ``NAME_length`` ``[batch]`` beside a right-padded sequence.
        lags: steps back from the last one of a row.

    Raises:
        ValueError: no recurrent layer (``keras.layers.RNN``) is among the network's layers, or one
            of them is called more than once or runs backwards.
    """

    def __init__(self, network: keras.Model, lags: int):
        self._network = network
        self._lags = lags
        walked = walk(network)
        recurrent = [call for call in walked.calls if isinstance(call.layer, keras.layers.RNN)]
        if not recurrent:
            names = ", ".join(call.layer.name for call in walked.calls)
            raise ValueError(
                "the network has no recurrent layer whose gradient could be taken; it calls "
                f"{names or 'its layers by code of its own, which cannot be looked into'}"
            )
        names = [call.layer.name for call in recurrent]
        for call in recurrent:
            if names.count(call.layer.name) > 1 or call.layer.go_backwards:
                raise ValueError(
                    f"the gradient by lag is not taken of {call.layer.name}, which the network "
                    "calls more than once or runs backwards; reverse the sequence in front of it "
                    "(models.layers.sequence.ReverseSequence), and use a layer a call"
                )
        self._paths = {call.layer.name: self._cut(walked, call) for call in recurrent}
        self._gradients = {
            name: tf.function(lambda inputs, labels, path=path: self._run(path, inputs, labels))
            for name, path in self._paths.items()
        }

    def __call__(self, inputs: Mapping[str, np.ndarray], labels: np.ndarray) -> dict[str, LagNorms]:
        """Norms by layer, of the loss of a row (the batch's loss times its rows), without dropout.

        Args:
            inputs: a batch by input name.
            labels: the batch's.
        """
        values = [tf.convert_to_tensor(inputs[tensor.name]) for tensor in self._network.inputs]
        found = {}
        for name, path in self._paths.items():
            gradient = self._gradients[name](values, tf.convert_to_tensor(labels)).numpy()
            rows, time = gradient.shape[:2]
            lengths = np.full(rows, time)
            if path.length is not None:
                lengths = np.asarray(inputs[path.length]).astype(np.int64)
            given_out = path.cell.hidden is not None
            hidden = gradient[:, :, path.cell.slices[path.cell.hidden or 0]]
            norms = [self._by_lag(part, lengths) for part in (hidden, gradient)]
            if not given_out:
                for means in norms:
                    means[0] = np.nan
            counts = np.array([int((lengths > lag).sum()) for lag in range(self._lags + 1)])
            found[name] = LagNorms(H if given_out else FIRST_STATE, *norms, counts)
        return found

    def _cut(self, walked: Walk, call: Call) -> _Path:
        layer, (values, *_) = call.layer, call.inputs
        cell = _PerturbedCell(layer.cell, values.shape[-1])
        return _Path(
            keras.Model(walked.inputs, values),
            cell,
            keras.layers.RNN(cell, return_sequences=layer.return_sequences),
            keras.Model([call.outputs[0], *walked.inputs], walked.outputs),
            _length_of(layer.name, [tensor.name for tensor in walked.inputs]),
        )

    def _run(self, path: _Path, inputs: list[tf.Tensor], labels: tf.Tensor) -> tf.Tensor:
        """The gradient ``[batch, time, width]`` with respect to all states, side by side."""
        values = path.before(inputs, training=False)
        rows, time = tf.shape(values)[0], tf.shape(values)[1]
        zeros = tf.zeros((rows, time, path.cell.width), values.dtype)
        with tf.GradientTape() as tape:
            tape.watch(zeros)
            output = path.steps(tf.concat([values, zeros], axis=-1))
            answers = path.after([output, *inputs], training=False)
            answers = answers[0] if isinstance(answers, list) else answers
            loss = self._network.compute_loss(x=inputs, y=labels, y_pred=answers, training=False)
            loss = loss * tf.cast(rows, loss.dtype)
        return tf.cast(tape.gradient(loss, zeros), tf.float64)

    def _by_lag(self, gradient: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        norms = np.sqrt(np.sum(gradient**2, axis=-1))
        means = np.full(self._lags + 1, np.nan)
        for lag in range(self._lags + 1):
            (long,) = np.nonzero(lengths > lag)
            if long.size:
                means[lag] = norms[long, lengths[long] - 1 - lag].mean()
        return means


def _length_of(layer: str, inputs: Sequence[str]) -> str | None:
    """The input that holds the lengths of a layer's rows: that of the feature in its name."""
    lengths = [name for name in inputs if name.endswith(LENGTH_SUFFIX)]
    named = [name for name in lengths if layer.startswith(f"{name.removesuffix(LENGTH_SUFFIX)}.")]
    if named:
        return max(named, key=len)
    if len(lengths) > 1:
        raise ValueError(
            f"the layer {layer} could read any of the sequences with {', '.join(lengths)}; begin "
            "its name with its feature's and a dot"
        )
    return lengths[0] if lengths else None


def to_json(norms: Mapping[str, LagNorms]) -> dict[str, dict[str, Any]]:
    """What was taken (``of``) and lists, by layer and field; null in place of NaN."""
    return {
        layer: {
            "of": found.of,
            "hidden": [None if math.isnan(norm) else norm for norm in found.hidden.tolist()],
            "state": [None if math.isnan(norm) else norm for norm in found.state.tolist()],
            "rows": found.rows.tolist(),
        }
        for layer, found in norms.items()
    }
