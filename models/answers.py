"""What a network answers and is taught, where a task has its own way of either."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from models.options import TaskOptions, graph_module

Inputs = dict[str, tf.Tensor]


def answers(task: TaskOptions, network: keras.Model, inputs: Mapping[str, tf.Tensor]) -> Any:
    """The scores of a batch: the network's output, or what the task's decoder writes with it.

    Args:
        task: the task's options.
        network: trained, or as good as.
        inputs: what is known of the rows when they are asked, by name.
    """
    graph = graph_module("tasks", task.kind)
    if hasattr(graph, "answers"):
        return graph.answers(task, network, inputs)
    return network(dict(inputs), training=False)


def taught(task: TaskOptions) -> Callable[[Inputs, Any], tuple[Inputs, Any]]:
    """From a padded batch to one that the network learns from: what it is told of the labels,
    where it is told any, becomes part of the inputs.
    """
    graph = graph_module("tasks", task.kind)
    if not hasattr(graph, "taught"):
        return lambda inputs, labels: (inputs, labels)
    return lambda inputs, labels: graph.taught(task, inputs, labels)
