"""Answers a dialog turn by turn: ``init_state``, and ``step`` with what the turn brought.

The client keeps the state and sends it with the next turn; a server knows of no dialog.  Everything
before the recurrent layers looks at one turn alone, so that it is done as for a dialog of one turn.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.export import network_inputs, received, sent_specs
from models.options import FeatureOptions
from models.raw import Raw
from models.tasks.track import Options
from models.tasks.track.network import DIALOG

DIALOGS = "dialogs"
"""The input of ``init_state``: for how many dialogs, int32 scalar."""
State = dict[str, tf.Tensor]
"""``state_dialog_LAYER_PART`` ``[batch, units]`` of the recurrent layers and ``state_SLOT``
``[batch, values]``, what is believed of each slot."""


def endpoints(
    options: Options,
    network: keras.Model,
    features: Mapping[str, FeatureOptions],
    labels: Sequence[str],
    transform: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]],
    calibration: Mapping[str, np.ndarray],
) -> dict[str, tuple[Callable[..., dict[str, tf.Tensor]], list[Any]]]:
    """The signatures that stream, by name, with their inputs.

    ``init_state`` gives the state before the first turn.  ``step`` takes it with the raw features
    of one turn, those of the turns without their first axis (``NAME`` and, where a turn has a list,
    ``NAME_length`` int32 ``[batch]``) and those of the whole dialog as always; it gives the state
    after the turn, and the answers of ``serving_default`` ``[batch]``, without a ``length``.

    Returns:
        nothing where the model cannot stream: a feature's preprocessing looks beyond its step, or
        the network is one of the user's own.
    """
    tracker = _Tracker.of(options, network)
    if tracker is None or not streams(features):
        return {}
    forms = {name: _of_step(name, given.raw, options) for name, given in features.items()}
    specs: dict[str, tf.TensorSpec] = {}
    for name, form in forms.items():
        specs |= sent_specs(name, form)
    specs |= {
        name: tf.TensorSpec(part.shape, part.dtype, name=name)
        for name, part in tracker.first(tf.constant(1)).items()
    }
    specs = {
        name: tf.TensorSpec([None, *spec.shape[1:]], spec.dtype, name=name)
        for name, spec in specs.items()
    }

    def init_state(dialogs: tf.Tensor) -> State:
        return tracker.first(dialogs)

    def step(sent: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        raw = {name: received(name, form, sent) for name, form in forms.items()}
        for name in options.turns:
            turn = raw[name]
            rows = turn.nrows() if isinstance(turn, tf.RaggedTensor) else tf.shape(turn)[0]
            alone = tf.ones([rows], tf.int64)
            raw[name] = tf.RaggedTensor.from_row_lengths(turn, alone, validate=False)
        scores, state = tracker.step(network_inputs(transform(raw)), sent)
        return by_name(options, scores, labels) | state

    return {
        "init_state": (init_state, [tf.TensorSpec([], tf.int32, name=DIALOGS)]),
        "step": (step, [specs]),
    }


def streams(features: Mapping[str, FeatureOptions]) -> bool:
    """Whether every sequence feature can be preprocessed step by step."""
    return all(given.pointwise for given in features.values() if given.raw.is_sequence)


def _of_step(name: str, form: Raw, options: Options) -> Raw:
    """The form of one turn of a feature; of one of the whole dialog, its own."""
    return form.model_copy(update={"shape": form.shape[1:]}) if name in options.turns else form


def by_name(options: Options, scores: tf.Tensor, labels: Sequence[str]) -> dict[str, tf.Tensor]:
    """Scores ``[batch, ..., scores]`` as outputs by name, see the task's ``served_outputs``."""
    outputs, begin = {}, 0
    for slot in options.slots:
        values = [
            label.removeprefix(f"{slot}=") for label in labels if label.startswith(f"{slot}=")
        ]
        of_slot = scores[..., begin : begin + len(values)]
        begin += len(values)
        names = tf.constant(values)
        outputs[f"goal_{slot}"] = tf.gather(names, tf.argmax(of_slot, axis=-1))
        outputs[f"goal_{slot}_score"] = tf.reduce_max(of_slot, axis=-1)
        outputs[f"goal_{slot}_values"] = tf.broadcast_to(names, [tf.shape(scores)[0], len(values)])
        outputs[f"goal_{slot}_scores"] = of_slot
    for place, flag in enumerate(options.flags):
        outputs[flag] = scores[..., begin + place]
    return outputs


class _Tracker:
    """The parts of a network that ``models.tasks.track.network`` built, step by step.

    Args:
        options: the task's options.
        network: trained.
        turn: from the network's inputs to the turn's vector and, of each slot, the features of its
            values and its own.
    """

    def __init__(self, options: Options, network: keras.Model, turn: keras.Model) -> None:
        self._options = options
        self._network = network
        self._turn = turn
        names = [layer.name for layer in network.layers]
        dialog = sum(name.startswith(DIALOG) for name in names)
        self._dialog = [network.get_layer(f"{DIALOG}{index}") for index in range(dialog)]

    @classmethod
    def of(cls, options: Options, network: keras.Model) -> "_Tracker | None":
        """The parts; None if the network is of another make, or a layer cannot go step by step."""
        layers = {layer.name: layer for layer in network.layers}
        slots = [f"goal.{slot}.evidence" for slot in options.slots]
        if not {"track.turn", *slots} <= set(layers):
            return None
        steps = (keras.layers.RNN, keras.layers.Dense)
        if any(not isinstance(layers[name], steps) for name in layers if name.startswith(DIALOG)):
            return None
        outputs = [layers["track.turn"].output, [layers[name].output for name in slots]]
        return cls(options, network, keras.Model(network.inputs, outputs))

    def first(self, dialogs: tf.Tensor) -> State:
        """The state before the first turn of so many dialogs."""
        state: State = {}
        for index, layer in enumerate(self._dialog):
            if isinstance(layer, keras.layers.RNN):
                found = layer.get_initial_state(batch_size=dialogs)
                state |= dict(zip(self._names(index, len(found)), found, strict=True))
        for slot in self._options.slots:
            belief = self._network.get_layer(f"goal.{slot}")
            believed = belief.first(belief.input)[None]
            state[f"state_{slot}"] = tf.repeat(believed, dialogs, axis=0)
        return state

    def _names(self, layer: int, parts: int) -> list[str]:
        return [f"state_dialog_{layer}_{part}" for part in range(parts)]

    def step(self, inputs: Mapping[str, tf.Tensor], state: Mapping[str, tf.Tensor]) -> Any:
        """Scores ``[batch, scores]`` of one turn, and the state after it.

        Args:
            inputs: the network's, of one turn.
            state: the state before the turn, maybe among other tensors.
        """
        turn, evidence = self._turn(dict(inputs), training=False)
        after: State = {}
        dialog = turn[:, 0]
        for index, layer in enumerate(self._dialog):
            if not isinstance(layer, keras.layers.RNN):
                dialog = layer(dialog)
                continue
            sizes = layer.cell.state_size
            names = self._names(index, 1 if isinstance(sizes, int) else len(sizes))
            dialog, found = layer.cell(dialog, [state[name] for name in names], training=False)
            found = list(found) if isinstance(found, list | tuple) else [found]
            after |= dict(zip(names, found, strict=True))
        context = tf.concat([turn, dialog[:, None]], axis=-1) if self._dialog else turn
        scores = []
        for slot, (values, of_slot) in zip(self._options.slots, evidence, strict=True):
            update = self._network.get_layer(f"goal.{slot}.update")
            belief, name = self._network.get_layer(f"goal.{slot}"), f"state_{slot}"
            after[name] = belief.step(update(values, of_slot, context, turn)[:, 0], state[name])
            scores.append(after[name])
        for flag in self._options.flags:
            scores.append(self._network.get_layer(f"flag.{flag}")(context)[:, 0])
        return tf.concat(scores, axis=-1), after
