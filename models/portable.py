"""A network in a form that every machine runs, while its graph is drawn.

Keras chooses cuDNN for an LSTM or GRU when it traces, by the devices that are there: what is traced
on a machine with a GPU would hold ops that no CPU has.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

ACCELERATED = (keras.layers.LSTM, keras.layers.GRU)
INNER = ("layer", "forward_layer", "backward_layer")
"""Where wrappers of Keras keep the layers that they wrap."""


@contextmanager
def without_cudnn(network: keras.Model) -> Iterator[None]:
    """Inside, no LSTM or GRU of a network uses cuDNN; afterwards each does as before."""
    found = [layer for layer in _layers(network) if isinstance(layer, ACCELERATED)]
    before = [layer.use_cudnn for layer in found]
    for layer in found:
        layer.use_cudnn = False
    try:
        yield
    finally:
        for layer, choice in zip(found, before, strict=True):
            layer.use_cudnn = choice


def _layers(layer: Any) -> Iterator[Any]:
    yield layer
    inner = [*getattr(layer, "layers", []), *(getattr(layer, name, None) for name in INNER)]
    for other in inner:
        if isinstance(other, keras.layers.Layer):
            yield from _layers(other)
