"""The calls that a functional network is made of."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras


class Call(NamedTuple):
    """One call of a layer or operation.

    Attributes:
        layer: what is called: a Keras layer, or an operation of ``keras.ops``.
        args: with symbolic tensors in them, nested or not.
        kwargs: likewise.
        result: likewise.
    """

    layer: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any

    @property
    def inputs(self) -> list[keras.KerasTensor]:
        """The symbolic tensors that it reads."""
        return symbolic((self.args, self.kwargs))

    @property
    def outputs(self) -> list[keras.KerasTensor]:
        """Those that it gives."""
        return symbolic(self.result)


class Walk(NamedTuple):
    """A network's layers, called once more, on inputs of its own.

    Attributes:
        inputs: symbolic tensors, named and in the order of the network's.
        outputs: likewise of the network's answers.
        calls: from the inputs up; what a call reads is an input or the result of one before it.
    """

    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]
    calls: list[Call]


def walk(network: keras.Model, lengths: Mapping[str, int] | None = None) -> Walk:
    """Follows a network from its inputs up; a layer that it calls twice has two calls.

    Args:
        network: built.  One that is neither functional nor sequential calls its layers by code of
            its own, and nothing of it is found.
        lengths: time steps of a row by name of the input, for a batch of one row of fixed shape
            (an input that is not named is as long as the longest); without, shapes stay free.
    """
    if not getattr(network, "inputs", None):
        return Walk([], [], [])
    # Made anew, so that it is functional and not compiled, which cloning would do again.
    network = keras.Model(network.inputs, network.outputs)
    found: list[Call] = []

    def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
        found.append(Call(layer, args, kwargs, layer(*args, **kwargs)))
        return found[-1].result

    inputs = [_input(tensor, lengths) for tensor in network.inputs]
    again = keras.models.clone_model(
        network,
        input_tensors=inputs,
        clone_function=lambda layer: layer,
        call_function=called,
    )
    return Walk(inputs, list(again.outputs), found)


def symbolic(structure: Any) -> list[keras.KerasTensor]:
    """The symbolic tensors in nested lists, tuples and dictionaries."""
    return [each for each in keras.tree.flatten(structure) if isinstance(each, keras.KerasTensor)]


def _input(tensor: keras.KerasTensor, lengths: Mapping[str, int] | None) -> keras.KerasTensor:
    shape = tuple(tensor.shape)
    if lengths is not None:
        length = lengths.get(tensor.name, max(lengths.values(), default=1))
        shape = (1, *(length if size is None else size for size in shape[1:]))
    return keras.Input(batch_shape=shape, dtype=tensor.dtype, name=tensor.name)
