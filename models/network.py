"""Builds the network of an experiment: features, recurrent encoder, pooling, the task's head.

Every sequence feature gets its own recurrent encoder and is pooled to a vector; the vectors of all
features side by side go through dropout to the head.  Where a task answers each step of a sequence,
that one is not pooled, and the vectors of the others stand beside each of its steps.

Inputs are named as the features are; layers of a feature have a dot in their names and
the others begin with _, which the name of a feature cannot.
"""

import math
from collections.abc import Mapping

import keras

from models.encoder import concatenated, pooled_encoding, step_encoding
from models.features import steps as feature_steps
from models.features.analyzers import Learnt
from models.layers.sequence import BesideSteps, Sequence
from models.options import FeatureOptions, TaskOptions, graph_module
from models.spec import NetworkOptions, TrainingOptions
from models.tasks.names import Labels


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
        a functional model from the features' inputs (by name) to the head's output; the task's own
        network, if it builds one.
    """
    graph = graph_module("tasks", task.kind)
    if hasattr(graph, "build"):
        return graph.build(features, task, network, learnt)
    inputs: dict[str, keras.KerasTensor] = {}
    vectors = []
    beside: dict[str, Sequence] = {}
    for name, options in features.items():
        feature_inputs = feature_steps.keras_inputs(options, name)
        inputs |= feature_inputs
        size = network.embedding_size
        encoded = feature_steps.encode(options, name, feature_inputs, learnt, size)
        if name in task.aligned:
            beside[name] = encoded
        elif isinstance(encoded, Sequence):
            vectors += pooled_encoding(name, encoded, network)
        else:
            vectors.append(encoded)
    steps = aligned_encoding(task.aligned, beside, network) if task.aligned else None
    body = concatenated(vectors, "_vector") if steps is None else steps_beside(steps, vectors)
    if network.dropout:
        drop = keras.layers.Dropout(network.dropout, name="_dropout")
        body = drop(body) if steps is None else Sequence(drop(body.values), body.lengths)
    return keras.Model(inputs, graph.head(task, body, learnt), name="network")


def aligned_encoding(
    names: tuple[str, ...], encoded: Mapping[str, Sequence], network: NetworkOptions
) -> Sequence:
    """Features that go step by step together, each with a vector at each step, as one encoding.

    Args:
        names: of the features, in the order in which they stand side by side; the layers are named
            after the first.
        encoded: by feature, of equally many steps.
        network: the network's options.
    """
    first = names[0]
    values = concatenated([encoded[name].values for name in names], f"{first}.aligned")
    return step_encoding(first, Sequence(values, encoded[first].lengths), network)


def steps_beside(steps: Sequence, vectors: list[keras.KerasTensor]) -> Sequence:
    """Each step with the vectors ``[batch, units]`` of the other features beside it."""
    if not vectors:
        return steps
    beside = BesideSteps(name="_beside_steps")
    return Sequence(beside(steps.values, concatenated(vectors, "_vector")), steps.lengths)


def parameter_counts(network: keras.Model) -> dict[str, int]:
    """How many numbers of a network training changes (``trainable``), and how many not
    (``frozen``).
    """
    return {
        "trainable": sum(math.prod(weight.shape) for weight in network.trainable_weights),
        "frozen": sum(math.prod(weight.shape) for weight in network.non_trainable_weights),
    }


def compile_network(
    network: keras.Model,
    task: TaskOptions,
    training: TrainingOptions,
    learnt: Learnt,
    labels: Labels | None = None,
) -> keras.Model:
    """Gives the network its optimiser and the task's loss and metrics.

    Args:
        network: not compiled yet.
        task: the task's options.
        training: how it is trained.
        learnt: sizes of the vocabularies that the features and the task learnt.
        labels: goes through the labels of the train split; None where nothing will be learnt.
    """
    optimizer = keras.optimizers.get(
        {
            "class_name": training.optimizer,
            "config": {
                "learning_rate": training.learning_rate,
                "global_clipnorm": training.clip_norm,
                "clipvalue": training.clip_value,
            },
        }
    )
    graph = graph_module("tasks", task.kind)
    network.compile(
        optimizer,
        loss=graph.loss(task, learnt, labels),
        metrics=graph.training_metrics(task, learnt),
    )
    return network
