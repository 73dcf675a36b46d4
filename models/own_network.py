"""A network that a user builds: ``build_model(hp)``, named by dotted path in the experiment."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras

from models.features import steps
from models.features.analyzers import Learnt
from models.network import build
from models.options import FeatureOptions, TaskOptions, graph_module
from models.spec import NetworkOptions


class Parts(NamedTuple):
    """What a user's network is made of.

    Attributes:
        features: options by feature name.
        task: the task's options.
        network: the experiment's network options.
        learnt: vocabularies that the features and the task learnt.
    """

    features: Mapping[str, FeatureOptions]
    task: TaskOptions
    network: NetworkOptions
    learnt: Learnt

    def inputs(self) -> dict[str, keras.KerasTensor]:
        """The Keras inputs of all features by name; a sequence has ``NAME_length`` beside it."""
        found: dict[str, keras.KerasTensor] = {}
        for name, options in self.features.items():
            found |= steps.keras_inputs(options, name)
        return found

    def encoded(
        self, name: str, inputs: Mapping[str, keras.KerasTensor], embedding_size: int
    ) -> Any:
        """A feature as a ``Sequence`` ``[batch, time, units]``, or as ``[batch, units]``.

        Args:
            name: of the feature.
            inputs: see ``inputs``.
            embedding_size: width of an embedding, where the feature has one.
        """
        options = self.features[name]
        return steps.encode(options, name, inputs, self.learnt, embedding_size)

    def head(self, vector: keras.KerasTensor) -> keras.KerasTensor:
        """The task's answer from what the network made of the inputs."""
        return graph_module("tasks", self.task.kind).head(self.task, vector, self.learnt)

    def standard(self, network: NetworkOptions | None = None) -> keras.Model:
        """The network that Rondo would build, from the experiment's or from changed options."""
        return build(self.features, self.task, network or self.network, self.learnt)


def build_any(parts: Parts, hp: Any) -> keras.Model:
    """The experiment's network: the user's, if it names one, else Rondo's own.

    Args:
        parts: of the experiment.
        hp: keras-tuner's HyperParameters, which a user's function asks for its values.

    Raises:
        TypeError: what the function gave is no Keras model of the features' inputs.
    """
    path = parts.network.build_model
    if path is None:
        return parts.standard()
    module, _, name = path.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    wants_parts = len(inspect.signature(function).parameters) > 1
    network = function(hp, parts) if wants_parts else function(hp)
    if not isinstance(network, keras.Model):
        raise TypeError(f"{path} gave a {type(network).__name__}; a keras.Model is wanted")
    wanted, came = set(parts.inputs()), {tensor.name for tensor in network.inputs}
    if not came <= wanted:
        raise TypeError(
            f"{path} gave a model with inputs {', '.join(sorted(came))}; the features' are "
            f"{', '.join(sorted(wanted))}"
        )
    return network
