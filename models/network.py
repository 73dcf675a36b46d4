"""Builds the network of an experiment: features, recurrent encoder, pooling, the task's head.

Every sequence feature gets its own recurrent encoder and is pooled to a vector; the vectors of all
features side by side go through dropout to the head.  Where a task answers each step of a sequence,
that one is not pooled, and the vectors of the others stand beside each of its steps.

Inputs are named as the features are; layers of a feature have a dot in their names and
the others begin with _, which the name of a feature cannot.
"""

import importlib
import math
from collections.abc import Mapping

import keras

from models.dotted import cell_module
from models.features.analyzers import Learnt
from models.layers.sequence import POOLINGS, BesideSteps, ReverseSequence, Sequence
from models.options import FeatureOptions, TaskOptions, graph_module
from models.spec import NetworkOptions, TrainingOptions


def build(
    features: Mapping[str, FeatureOptions],
    task: TaskOptions,
    network: NetworkOptions,
    learnt: Learnt,
) -> keras.Model:
    """The uncompiled network.

    Args:
        features: options by feature name.
        task: the task's options.
        network: the network's options.
        learnt: sizes of the vocabularies that the features and the task learnt.

    Returns:
        a functional model from the features' inputs (by name) to the head's output.
    """
    inputs: dict[str, keras.KerasTensor] = {}
    vectors = []
    steps: Sequence | None = None
    for name, options in features.items():
        graph = graph_module("features", options.kind)
        feature_inputs = graph.keras_inputs(options, name)
        inputs |= feature_inputs
        encoded = graph.encode(options, name, feature_inputs, learnt, network.embedding_size)
        if name == task.steps_of:
            steps = step_encoding(name, encoded, network)
        elif isinstance(encoded, Sequence):
            vectors += pooled_encoding(name, encoded, network)
        else:
            vectors.append(encoded)
    body = concatenated(vectors, "_vector") if steps is None else steps_beside(steps, vectors)
    if network.dropout:
        drop = keras.layers.Dropout(network.dropout, name="_dropout")
        body = drop(body) if steps is None else Sequence(drop(body.values), body.lengths)
    output = graph_module("tasks", task.kind).head(task, body, learnt)
    return keras.Model(inputs, output, name="network")


def step_encoding(name: str, sequence: Sequence, network: NetworkOptions) -> Sequence:
    """A sequence to ``[batch, time, units]``: each step with what the directions say of it."""
    sequence = embedding_dropped(name, sequence, network)
    directions = recurrent_encoding(name, sequence, network)
    if "backward" in directions:
        reverse = ReverseSequence(name=f"{name}.backward.reversed")
        directions["backward"] = reverse(directions["backward"], sequence.lengths)
    values = concatenated(list(directions.values()), f"{name}.recurrent")
    if network.branch_dropout:
        drop = keras.layers.Dropout(
            network.branch_dropout, (None, 1, 1), name=f"{name}.branch_dropout"
        )
        values = drop(values)
    if network.shortcut:
        values = concatenated([values, sequence.values], f"{name}.shortcut")
    return Sequence(values, sequence.lengths)


def steps_beside(steps: Sequence, vectors: list[keras.KerasTensor]) -> Sequence:
    """Each step with the vectors ``[batch, units]`` of the other features beside it."""
    if not vectors:
        return steps
    beside = BesideSteps(name="_beside_steps")
    return Sequence(beside(steps.values, concatenated(vectors, "_vector")), steps.lengths)


def embedding_dropped(name: str, sequence: Sequence, network: NetworkOptions) -> Sequence:
    """The sequence with dropout of whole channels, where the network has it."""
    if not network.embedding_dropout:
        return sequence
    dropped = keras.layers.SpatialDropout1D(
        network.embedding_dropout, name=f"{name}.embedding_dropout"
    )
    return Sequence(dropped(sequence.values), sequence.lengths)


def pooled_encoding(
    name: str, sequence: Sequence, network: NetworkOptions
) -> list[keras.KerasTensor]:
    """The vectors ``[batch, units]`` that stand for a sequence, one a pooling and direction."""
    sequence = embedding_dropped(name, sequence, network)
    directions = recurrent_encoding(name, sequence, network)
    vectors = [
        POOLINGS[pooling](name=f"{name}.{direction}.{pooling}")(values, sequence.lengths)
        for pooling in network.pooling
        for direction, values in directions.items()
    ]
    if network.branch_dropout:
        vector = concatenated(vectors, f"{name}.recurrent")
        drop = keras.layers.Dropout(
            network.branch_dropout, (None, 1), name=f"{name}.branch_dropout"
        )
        vectors = [drop(vector)]
    if network.shortcut:
        vectors += [
            POOLINGS[pooling](name=f"{name}.shortcut.{pooling}")(*sequence)
            for pooling in network.pooling
            if pooling != "last"
        ]
    return vectors


def concatenated(vectors: list[keras.KerasTensor], name: str) -> keras.KerasTensor:
    """Vectors side by side: joins their last axes."""
    return keras.layers.Concatenate(name=name)(vectors) if len(vectors) > 1 else vectors[0]


def recurrent_encoding(
    name: str, sequence: Sequence, network: NetworkOptions
) -> dict[str, keras.KerasTensor]:
    """Runs the recurrent layers in each direction.

    Returns:
        ``{"forward": [batch, time, units]}`` and, if bidirectional, ``"backward"``: each in its own
        reading order, so that the last step within the length has seen the whole sequence.
    """
    cell = importlib.import_module(cell_module(network.cell))
    reverse = ReverseSequence(name=f"{name}.reverse")
    values, lengths = sequence
    directions = {"forward": values}
    for index in range(network.layers):
        forward = cell.layer(network.units, f"{name}.forward.{index}")(values)
        directions = {"forward": forward}
        if network.bidirectional:
            backward = cell.layer(network.units, f"{name}.backward.{index}")(
                reverse(values, lengths)
            )
            directions["backward"] = backward
            if index + 1 < network.layers:
                join = keras.layers.Concatenate(name=f"{name}.both.{index}")
                values = join([forward, reverse(backward, lengths)])
        else:
            values = forward
    return directions


def parameter_counts(network: keras.Model) -> dict[str, int]:
    """How many numbers of a network training changes (``trainable``), and how many not
    (``frozen``).
    """
    return {
        "trainable": sum(math.prod(weight.shape) for weight in network.trainable_weights),
        "frozen": sum(math.prod(weight.shape) for weight in network.non_trainable_weights),
    }


def compile_network(
    network: keras.Model, task: TaskOptions, training: TrainingOptions
) -> keras.Model:
    """Gives the network its optimiser and the task's loss and metrics."""
    optimizer = keras.optimizers.get(
        {
            "class_name": training.optimizer,
            "config": {
                "learning_rate": training.learning_rate,
                "global_clipnorm": training.clip_norm,
            },
        }
    )
    graph = graph_module("tasks", task.kind)
    network.compile(optimizer, loss=graph.loss(task), metrics=graph.training_metrics(task))
    return network
