"""The network of a tracker: a turn encoder, a recurrent network over the dialog, a belief a slot.

Layers are named ``track.turn`` and ``track.dialog.INDEX``, and ``goal.SLOT.*`` those of each slot.
"""

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
from keras import ops

from models.dotted import cell_module
from models.encoder import concatenated, pooled_encoding
from models.features import steps as feature_steps
from models.features.analyzers import Learnt
from models.features.phrases.graph import BUCKETS, hashes
from models.layers.hashed import HashedBag, InPhrases
from models.layers.sequence import BesideSteps, Sequence
from models.options import FeatureOptions
from models.spec import NetworkOptions
from models.tasks.track import Options
from models.tasks.track.layers import Believed, SlotEvidence, SlotUpdate

DIALOG = "track.dialog."
"""How the names of the recurrent layers begin."""
HIDDEN = 32
"""Units that all values of a slot share."""


class Turns(NamedTuple):
    """Words of a turn, and how the phrases heard are weighed.

    Attributes:
        heard: ``[batch, turns, phrases, words]``.
        weights: ``[batch, turns, phrases]``.
        system: ``[batch, turns, acts, words]``; None if nothing is known of the system.
    """

    heard: Any
    weights: Any
    system: Any


def vocabulary(slot: str) -> str:
    """Under which name the values of a slot are kept."""
    return f"label.{slot}"


def known_values(options: Options, slot: str) -> list[str]:
    """Values that a slot can have whatever the train split has, each once."""
    further = (options.none, options.dontcare, *options.slots[slot].values)
    return list(dict.fromkeys(further))


def values_of(options: Options, slot: str, learnt: Learnt) -> list[str]:
    """All values of a slot in the order of its scores: those of the train split come first."""
    found = learnt.vocabulary(vocabulary(slot))
    return found + [value for value in known_values(options, slot) if value not in found]


def build(
    features: Mapping[str, FeatureOptions],
    task: Options,
    network: NetworkOptions,
    learnt: Learnt,
) -> keras.Model:
    """The uncompiled network, from the features' inputs to ``[batch, turns, scores]``.

    The scores are a distribution over the values of each slot, side by side, and then the
    probability of each flag.

    Raises:
        ValueError: the network is to have what a tracker, which reads forwards, has no place for.
    """
    for field, problem in task.network_problems(network).items():
        raise ValueError(f"network.{field}: {problem}")
    inputs: dict[str, keras.KerasTensor] = {}
    beside, vectors = [], []
    said = {task.heard, task.scores, *task.system}
    for name, options in features.items():
        own = feature_steps.keras_inputs(options, name)
        inputs |= own
        if name in said:
            continue
        encoded = feature_steps.encode(options, name, own, learnt, network.embedding_size)
        if name in task.turns:
            beside.append(encoded.values)
        elif isinstance(encoded, Sequence):
            vectors += pooled_encoding(name, encoded, network)
        else:
            vectors.append(encoded)
    turns = _turns(features, task, inputs)
    evidence = {slot: _evidence(task, features, slot, learnt, turns) for slot in task.slots}
    heard = HashedBag(BUCKETS, network.embedding_size, pairs=True, first=True, name="track.heard")
    said_by = [heard(turns.heard, turns.weights)]
    if turns.system is not None:
        system = HashedBag(BUCKETS, network.embedding_size, name="track.system")
        said_by.append(system(turns.system))
    words = _dropped(concatenated([*said_by, *beside], "_said"), network, "_said.dropout")
    if vectors:
        words = BesideSteps(name="_beside_steps")(words, concatenated(vectors, "_vector"))
    known = [slot for _, slot in evidence.values()]
    turn = keras.layers.Dense(network.units, activation="relu", name="track.turn")(
        concatenated([words, *known, turns.weights], "_turn.read")
    )
    dialog = turn
    for index in range(network.layers):
        cell = importlib.import_module(cell_module(network.cell))
        dialog = cell.layer(network.units, f"{DIALOG}{index}", **network.cell_options)(dialog)
    context = concatenated([turn, dialog], "_context") if network.layers else turn
    context = _dropped(context, network, "_context.dropout")
    known_turn = _dropped(turn, network, "_turn.dropout")
    outputs = []
    for slot, (values, of_slot) in evidence.items():
        lexical = len(learnt.vocabulary(vocabulary(slot))) if task.slots[slot].lexical else 0
        update = SlotUpdate(HIDDEN, lexical, dtype="float32", name=f"goal.{slot}.update")
        none = values_of(task, slot, learnt).index(task.none)
        believed = Believed(none, dtype="float32", name=f"goal.{slot}")
        outputs.append(believed(update(values, of_slot, context, known_turn)))
    for flag in task.flags:
        score = keras.layers.Dense(1, activation="sigmoid", dtype="float32", name=f"flag.{flag}")
        outputs.append(score(context))
    return keras.Model(inputs, concatenated(outputs, "track.scores"), name="network")


def _turns(
    features: Mapping[str, FeatureOptions], task: Options, inputs: Mapping[str, keras.KerasTensor]
) -> Turns:
    """The words of each turn, cut to phrases."""
    cut = {
        name: InPhrases(features[name].count, name=f"{name}.phrases")(inputs[name])
        for name in (task.heard, *task.system)
    }
    heard = cut[task.heard]
    weights = inputs[task.scores] if task.scores else AlikeWeights(name="_weights")(heard)
    system = [cut[name] for name in task.system]
    return Turns(heard, weights, concatenated(system, "_system.phrases") if system else None)


def _evidence(
    task: Options,
    features: Mapping[str, FeatureOptions],
    slot: str,
    learnt: Learnt,
    turns: Turns,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """What the turns say of a slot's values, and of the slot; see ``SlotEvidence``."""
    lower = features[task.heard].lower
    values = values_of(task, slot, learnt)
    said = task.slots[slot].values
    pairs = [
        (place, way)
        for place, value in enumerate(values)
        if value != task.none
        for way in hashes(list(dict.fromkeys((value, *said.get(value, ())))), lower)
        if way
    ]
    layer = SlotEvidence(
        hashes([task.called[slot]], lower)[0],
        [way for _, way in pairs],
        [place for place, _ in pairs],
        len(values),
        [values.index(task.none), values.index(task.dontcare)],
        task.context_units,
        BUCKETS,
        name=f"goal.{slot}.evidence",
    )
    if turns.system is None:
        return layer(turns.heard, turns.weights)
    return layer(turns.heard, turns.weights, turns.system)


def _dropped(values: keras.KerasTensor, network: NetworkOptions, name: str) -> keras.KerasTensor:
    return keras.layers.Dropout(network.dropout, name=name)(values) if network.dropout else values


@keras.saving.register_keras_serializable(package="rondo")
class AlikeWeights(keras.layers.Layer):
    """The same weight for each phrase that there is; they sum to 1.

    Call arguments: words ``[batch, turns, phrases, words]``.
    Returns: ``[batch, turns, phrases]``.
    """

    def call(self, words):
        there = ops.cast(ops.any(words > 0, axis=-1), self.compute_dtype)
        return there / ops.maximum(ops.sum(there, axis=-1, keepdims=True), 1.0)

    def compute_output_shape(self, words_shape):
        return words_shape[:3]
