"""Counts the floating-point operations of any Keras layer, from the TensorFlow graph it traces to.

Products (``MatMul``, ``Einsum``, convolutions) count two for each multiply-add; every other
operation on floats counts one for each element that it reads or writes, whichever are more, and
moving or choosing numbers counts nothing.  The body of a loop counts as often as it runs.  What no
output depends on is left out, as TensorFlow leaves it out.

The graph is the one that the CPU runs: with a GPU in sight Keras's LSTM and GRU trace to one
operation of cuDNN, which this cannot look into; the count is then not complete.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

_FREE = """Broadcast Cast Check Concat Const Dynamic Ensure ExpandDims Fill Gather Identity Invert
MatrixBandPart MirrorPad NoOp OneHot OnesLike Pack Pad Placeholder PreventGradient Random Range
ReadVariable Reshape ResourceGather Reverse ScatterNd Select Shape Size Slice Snapshot Split Squeeze
StatelessRandom StopGradient StridedSlice TensorList TensorScatterUpdate Tile Transpose Unpack
ZerosLike"""
FREE = tuple(_FREE.split())
"""How the names of operations begin that move, choose or make numbers and compute none."""

LOOPS = ("While", "StatelessWhile")
BRANCHES = {"If": ("then_branch", "else_branch"), "StatelessIf": ("then_branch", "else_branch")}
CALLS = ("PartitionedCall", "StatefulPartitionedCall")
FLOATS = (tf.float16, tf.bfloat16, tf.float32, tf.float64)

Shape = tuple[int, ...] | None
"""None where the graph does not say."""


class Count(NamedTuple):
    """What a graph computes.

    Attributes:
        products: two for each multiply-add.
        others: one for each element of every other operation.
        results: numbers that the operations gave, which the backward pass may need.
        complete: whether every shape and every loop's number of rounds was known; if not, it
            computes more than this.
    """

    products: int = 0
    others: int = 0
    results: int = 0
    complete: bool = True

    @property
    def flops(self) -> int:
        """All floating-point operations."""
        return self.products + self.others

    def plus(self, other: "Count", times: int = 1) -> "Count":
        """With another, which runs some times."""
        return Count(
            self.products + times * other.products,
            self.others + times * other.others,
            self.results + times * other.results,
            self.complete and other.complete,
        )


def call_count(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Count:
    """Counts one call of a layer, a model or a Keras operation, as it answers (not training).

    Args:
        operation: what is called.
        args: with ``keras.KerasTensor`` of fixed shapes in the place of tensors, nested or not.
        kwargs: likewise.
    """
    structure = (tuple(args), dict(kwargs))
    flat = keras.tree.flatten(structure)
    places = [place for place, each in enumerate(flat) if isinstance(each, keras.KerasTensor)]

    def call(*tensors):
        filled = list(flat)
        for place, tensor in zip(places, tensors, strict=True):
            filled[place] = tensor
        given, named = keras.tree.pack_sequence_as(structure, filled)
        # A scope of its own, since one of the graph's root may not begin with an underscore.
        with tf.name_scope("counted"):
            return operation(*given, **named)

    specs = [tf.TensorSpec(flat[place].shape, flat[place].dtype) for place in places]
    graph = tf.function(call, autograph=False).get_concrete_function(*specs).graph
    definition = graph.as_graph_def(add_shapes=True)
    functions = {function.signature.name: function for function in definition.library.function}
    outputs = [tensor.name for tensor in graph.outputs]
    return _Scope(definition.node, functions).count(outputs)


class _Scope:
    """The nodes of a graph or of a function in it.

    Args:
        nodes: of the graph.
        functions: by name.
        arguments: of a function: where the value of each comes from, ``(scope, reference)``.
    """

    def __init__(
        self,
        nodes: Iterable[Any],
        functions: Mapping[str, Any],
        arguments: Mapping[str, tuple["_Scope", str]] | None = None,
    ):
        self._nodes = {node.name: node for node in nodes}
        self._functions = functions
        self._arguments = arguments or {}

    def count(self, outputs: Iterable[str]) -> Count:
        """Counts what the outputs (``node:0``, ``node:output:0``) depend on."""
        total, seen = Count(), set()
        waiting = [_name(output) for output in outputs]
        while waiting:
            name = waiting.pop()
            if name in seen or name not in self._nodes:
                continue
            seen.add(name)
            node = self._nodes[name]
            total = total.plus(self._node_count(node))
            waiting += [_name(given) for given in node.input if not given.startswith("^")]
        return total

    def _node_count(self, node: Any) -> Count:
        if node.op in LOOPS:
            body, inputs = self._inner(node, "body", node.input)
            rounds = self._rounds(node)
            once = body.count(inputs)
            if rounds is None:
                return once._replace(complete=False)
            return Count().plus(once, rounds)
        if node.op in BRANCHES:
            found = [
                scope.count(outputs)
                for scope, outputs in (
                    self._inner(node, branch, node.input[1:]) for branch in BRANCHES[node.op]
                )
            ]
            return max(found, key=lambda count: count.flops)
        if node.op in CALLS:
            scope, outputs = self._inner(node, "f", node.input)
            return scope.count(outputs)
        # What is of one type only, such as LogicalAnd, does not say it: none of these is of floats.
        of_floats = "T" in node.attr and tf.as_dtype(node.attr["T"].type) in FLOATS
        if node.op.startswith(FREE) or not of_floats:
            return Count()
        return self._operation_count(node)

    def _operation_count(self, node: Any) -> Count:
        shapes = [self._shape(given) for given in node.input if not given.startswith("^")]
        result = self._shape(node.name)
        if result is None or node.op.startswith("Cudnn"):
            return Count(complete=False)
        size = math.prod(result)
        if node.op in ("MatMul", "BatchMatMul", "BatchMatMulV2", "Einsum") or "Conv" in node.op:
            if None in shapes:
                return Count(results=size, complete=False)
            return Count(products=2 * _multiply_adds(node, shapes, result), results=size)
        sizes = [math.prod(shape) for shape in shapes if shape is not None]
        return Count(others=max(size, *sizes) if sizes else size, results=size)

    def _inner(self, node: Any, attribute: str, inputs: Sequence[str]) -> tuple["_Scope", list]:
        function = self._functions[node.attr[attribute].func.name]
        given = [each for each in inputs if not each.startswith("^")]
        arguments = {
            argument.name: (self, reference)
            for argument, reference in zip(function.signature.input_arg, given, strict=True)
        }
        outputs = [function.ret[output.name] for output in function.signature.output_arg]
        return _Scope(function.node_def, self._functions, arguments), outputs

    def _shape(self, reference: str) -> Shape:
        name = _name(reference)
        if name in self._arguments:
            scope, outer = self._arguments[name]
            return scope._shape(outer)
        index = int(reference.rpartition(":")[2]) if ":" in reference else 0
        node = self._nodes.get(name)
        shapes = node.attr["_output_shapes"].list.shape if node is not None else []
        if index >= len(shapes) or shapes[index].unknown_rank:
            return None
        shape = tuple(dimension.size for dimension in shapes[index].dim)
        return None if -1 in shape else shape

    def _rounds(self, loop: Any) -> int | None:
        """How often a loop runs that counts from a constant to a constant, one by one."""
        condition, (output,) = self._inner(loop, "cond", loop.input)
        found = []
        waiting = [output]
        while waiting:
            node = condition._nodes.get(_name(waiting.pop()))
            if node is None:
                continue
            if node.op in ("Identity", "LogicalAnd"):
                waiting += [given for given in node.input if not given.startswith("^")]
            elif node.op in ("Less", "GreaterEqual"):
                counter, bound = (condition._constant(given) for given in node.input[:2])
                if counter is not None and bound is not None:
                    up = bound - counter if node.op == "Less" else counter - bound + 1
                    found.append(max(int(up), 0))
        return min(found, default=None)

    def _constant(self, reference: str) -> np.ndarray | None:
        """The value that the graph fixes for a reference, None if it fixes none."""
        name = _name(reference)
        if name in self._arguments:
            scope, outer = self._arguments[name]
            return scope._constant(outer)
        node = self._nodes.get(name)
        if node is None:
            return None
        if node.op == "Const":
            return tf.make_ndarray(node.attr["value"].tensor)
        if node.op in ("Identity", "Max", "Cast"):
            value = self._constant(node.input[0])
            return value if value is None or node.op != "Max" else np.max(value)
        if node.op in ("Sub", "StridedSlice"):
            value, other = (self._constant(given) for given in node.input[:2])
            if value is None or other is None:
                return None
            return value - other if node.op == "Sub" else value[other[0]]
        return None


def _name(reference: str) -> str:
    return reference.lstrip("^").partition(":")[0]


def _multiply_adds(node: Any, shapes: list[Any], result: tuple[int, ...]) -> int:
    """Multiply-adds of a product, from the shapes of what it reads and gives."""
    if node.op == "Einsum":
        inputs = node.attr["equation"].s.decode().partition("->")[0].split(",")
        sizes: dict[str, int] = {}
        for labels, shape in zip(inputs, shapes, strict=True):
            before, ellipsis, after = labels.partition("...")
            hidden = shape[len(before) : len(shape) - len(after)] if ellipsis else ()
            named = [*before, *(f"...{-i}" for i in range(len(hidden), 0, -1)), *after]
            for label, size in zip(named, shape, strict=True):
                sizes[label] = max(sizes.get(label, 1), size)
        return math.prod(sizes.values())
    if "Depthwise" in node.op:
        return math.prod(result) * math.prod(shapes[1][:2])
    if "Conv" in node.op:
        return math.prod(result) * math.prod(shapes[1][:-1])
    transposed = node.attr["transpose_a"].b or node.attr["adj_x"].b
    return math.prod(result) * shapes[0][-2 if transposed else -1]
