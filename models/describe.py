"""What a network is in numbers: layers, shapes, parameters, operations, memory.

The network is walked as a graph, call by call, so that every Keras model made of layers on
``keras.Input`` is described, whoever built it and of whatever layers.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from models.calls import Call, Walk, walk
from models.flops import Count, call_count

FLOAT_BYTES = 4
"""Of a number that a layer computes; networks compute in float32."""


class CountedCall(NamedTuple):
    """One call of a layer; a layer that is called twice has two.

    Attributes:
        name: of the layer.
        layer: what is called: a Keras layer, or an operation of ``keras.ops``.
        sources: places in the list of calls of those whose results it reads.
        shape: of its result; None where a dimension is free.  The first is the batch, and a free
            second one is time.
        steps: time steps that it works on in a row of the given length; None if it knows no time.
        elements: of the result, in one row.
        count: operations of one row.
    """

    name: str
    layer: Any
    sources: tuple[int, ...]
    shape: tuple[int | None, ...]
    steps: int | None
    elements: int
    count: Count

    @property
    def kind(self) -> str:
        """Class of the layer, or of its cell where one layer runs any."""
        layer = type(self.layer)
        keras_own = layer.__module__.startswith("keras.") and layer is not keras.layers.RNN
        if issubclass(layer, keras.layers.RNN) and not keras_own:
            return type(self.layer.cell).__name__.removesuffix("Cell")
        return layer.__name__

    @property
    def has_time(self) -> bool:
        """Whether its result is one of each step."""
        return len(self.shape) > 1 and self.shape[1] is None

    @property
    def is_input(self) -> bool:
        """Whether it is an input of the network."""
        return isinstance(self.layer, keras.layers.InputLayer)


class LayerNumbers(NamedTuple):
    """A layer, all of its calls together.

    Attributes:
        name: of the layer.
        kind: its class, or its cell's.
        output: shape of the result, ``[batch, time, 64]``.
        trainable: parameters that training changes.
        frozen: parameters that it does not.
        flops_step: floating-point operations forward of one time step, on average over a row's;
            None if the layer knows no time.
        flops_row: those of a whole row.
        products_row: those of them in matrix products and convolutions, two a multiply-add.
        complete: whether all of them were counted.
        weights: bytes of its parameters.
        activations: bytes of a row that the backward pass may need: all results of its operations.
    """

    name: str
    kind: str
    output: str
    trainable: int
    frozen: int
    flops_step: int | None
    flops_row: int
    products_row: int
    complete: bool
    weights: int
    activations: int


def counted_calls(
    network: keras.Model, lengths: Mapping[str, int] | None = None
) -> list[CountedCall]:
    """Walks a network, its inputs first; what a call reads stands before it.

    Args:
        network: a functional or sequential model, built.
        lengths: time steps of a row, by name of the input; without, nothing is counted.
    """
    free = _with_inputs(walk(network))
    fixed = free if lengths is None else _with_inputs(walk(network, lengths))
    places: dict[int, int] = {}
    found = []
    for place, (call, sized) in enumerate(zip(free, fixed, strict=True)):
        sources = dict.fromkeys(places[id(tensor)] for tensor in call.inputs)
        places |= {id(tensor): place for tensor in call.outputs}
        shapes, fixed_shapes = _shapes(call.outputs), _shapes(sized.outputs)
        pairs = zip(
            [*_shapes(call.inputs), *shapes], [*_shapes(sized.inputs), *fixed_shapes], strict=True
        )
        times = [
            size[1]
            for shape, size in pairs
            if len(shape) > 1 and shape[1] is None and lengths is not None
        ]
        is_counted = lengths is not None and not isinstance(call.layer, keras.layers.InputLayer)
        found.append(
            CountedCall(
                call.layer.name,
                call.layer,
                tuple(sources),
                shapes[0],
                max(times, default=None),
                0 if lengths is None else sum(math.prod(shape) for shape in fixed_shapes),
                call_count(call.layer, sized.args, sized.kwargs) if is_counted else Count(),
            )
        )
    return found


def _with_inputs(walked: Walk) -> list[Call]:
    inputs = [
        Call(keras.layers.InputLayer(batch_shape=tensor.shape, name=tensor.name), (), {}, tensor)
        for tensor in walked.inputs
    ]
    return [*inputs, *walked.calls]


def _shapes(tensors: list[keras.KerasTensor]) -> list[tuple[int | None, ...]]:
    return [tuple(tensor.shape) for tensor in tensors]


def layer_numbers(found: list[CountedCall]) -> list[LayerNumbers]:
    """The numbers of each layer, in the order in which they are first called; no inputs."""
    grouped: dict[int, list[CountedCall]] = {}
    for call in found:
        if not call.is_input:
            grouped.setdefault(id(call.layer), []).append(call)
    return [_numbers(group) for group in grouped.values()]


def _numbers(group: list[CountedCall]) -> LayerNumbers:
    first = group[0]
    total = Count()
    for call in group:
        total = total.plus(call.count)
    weights = getattr(first.layer, "weights", [])
    trained = {id(weight) for weight in getattr(first.layer, "trainable_weights", [])}
    return LayerNumbers(
        name=first.name,
        kind=first.kind,
        output=shown_shape(first.shape),
        trainable=sum(math.prod(w.shape) for w in weights if id(w) in trained),
        frozen=sum(math.prod(w.shape) for w in weights if id(w) not in trained),
        flops_step=round(total.flops / first.steps) if first.steps else None,
        flops_row=total.flops,
        products_row=total.products,
        complete=total.complete,
        weights=sum(map(_bytes, weights)),
        activations=sum(FLOAT_BYTES * max(call.count.results, call.elements) for call in group),
    )


def _bytes(weight: keras.Variable) -> int:
    return math.prod(weight.shape) * tf.as_dtype(weight.dtype).size


def shown_shape(shape: tuple[int | None, ...]) -> str:
    """``[batch, time, 64]``."""
    names = ["batch", "time"]
    sizes = [
        names[place] if size is None and place < len(names) else "?" if size is None else str(size)
        for place, size in enumerate(shape)
    ]
    return f"[{', '.join(sizes)}]"


def optimizer_bytes(network: keras.Model) -> int:
    """What a compiled network's optimiser keeps beside the parameters."""
    network.optimizer.build(network.trainable_variables)
    return sum(map(_bytes, network.optimizer.variables))
