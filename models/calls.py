"""The calls that a functional network is made of."""

from typing import NamedTuple

import keras


class Call(NamedTuple):
    """One call of a layer or operation.

    Attributes:
        layer: what is called.
        inputs: symbolic tensors.
        outputs: symbolic tensors.
    """

    layer: keras.layers.Layer
    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]


def calls(network: keras.Model) -> list[Call]:
    """From the inputs up, those of the network's own: a layer may be called in others besides.

    None of a network that is no functional one.
    """
    by_depth = getattr(network, "_nodes_by_depth", {})
    return [
        Call(node.operation, list(node.input_tensors), list(node.outputs))
        for depth in sorted(by_depth, reverse=True)
        for node in by_depth[depth]
        if not node.is_input
    ]
