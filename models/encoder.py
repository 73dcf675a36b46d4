"""The recurrent encoder of a sequence feature: what an experiment's ``network`` makes of it.

Convolutions in front, recurrent layers in one or both directions, Transformer blocks behind, and
pooling, or an encoding of each step.  All layers have the feature's name and a dot in theirs.
"""

import importlib

import keras

from models.dotted import cell_module
from models.layers.convolution import SequenceConvolution
from models.layers.pooling import POOLINGS
from models.layers.sequence import ReverseSequence, Sequence, ZeroPadding
from models.layers.transformer import TransformerBlock
from models.spec import NetworkOptions

SAME_AT_EACH_STEP = (None, 1, None)
Directions = dict[str, keras.KerasTensor]
"""``[batch, time, units]`` by direction, each in its own reading order: the last step within the
length has seen the whole sequence."""


def step_encoding(name: str, sequence: Sequence, network: NetworkOptions) -> Sequence:
    """A sequence to ``[batch, time, units]``: each step with what the directions say of it."""
    sequence = embedding_dropped(name, sequence, network)
    directions = directions_of(name, sequence, network)
    values = side_by_side(f"{name}.recurrent", directions, sequence.lengths)
    if network.branch_dropout:
        drop = keras.layers.Dropout(
            network.branch_dropout, (None, 1, 1), name=f"{name}.branch_dropout"
        )
        values = drop(values)
    if network.shortcut:
        values = concatenated([values, sequence.values], f"{name}.shortcut")
    return Sequence(values, sequence.lengths)


def pooled_encoding(
    name: str, sequence: Sequence, network: NetworkOptions
) -> list[keras.KerasTensor]:
    """The vectors ``[batch, units]`` that stand for a sequence, one a pooling and direction."""
    sequence = embedding_dropped(name, sequence, network)
    directions = directions_of(name, sequence, network)
    vectors = _pooled(name, directions, sequence.lengths, network)
    if network.branch_dropout:
        vector = concatenated(vectors, f"{name}.recurrent")
        drop = keras.layers.Dropout(
            network.branch_dropout, (None, 1), name=f"{name}.branch_dropout"
        )
        vectors = [drop(vector)]
    if network.shortcut:
        vectors += [
            _pooling(pooling, f"{name}.shortcut.{pooling}", network)(*sequence)
            for pooling in network.pooling
            if pooling != "last"
        ]
    return vectors


def attended_encoding(
    name: str, sequence: Sequence, network: NetworkOptions
) -> tuple[Sequence, list[keras.KerasTensor]]:
    """Both of a sequence: each step ``[batch, time, units]``, and the vectors of the whole.

    The ``shortcut`` past the recurrent layers has no place here.
    """
    sequence = embedding_dropped(name, sequence, network)
    directions = directions_of(name, sequence, network)
    values = side_by_side(f"{name}.recurrent", directions, sequence.lengths)
    steps = Sequence(values, sequence.lengths)
    return steps, _pooled(name, directions, sequence.lengths, network)


def _pooled(
    name: str, directions: Directions, lengths: keras.KerasTensor, network: NetworkOptions
) -> list[keras.KerasTensor]:
    return [
        _pooling(pooling, f"{name}.{direction}.{pooling}", network)(values, lengths)
        for pooling in network.pooling
        for direction, values in directions.items()
    ]


def _pooling(pooling: str, name: str, network: NetworkOptions) -> keras.layers.Layer:
    options = {"heads": network.head_count} if pooling == "self_attention" else {}
    return POOLINGS[pooling](name=name, **options)


def embedding_dropped(name: str, sequence: Sequence, network: NetworkOptions) -> Sequence:
    """The sequence with dropout of whole channels, where the network has it."""
    if not network.embedding_dropout:
        return sequence
    dropped = keras.layers.SpatialDropout1D(
        network.embedding_dropout, name=f"{name}.embedding_dropout"
    )
    return Sequence(dropped(sequence.values), sequence.lengths)


def directions_of(name: str, sequence: Sequence, network: NetworkOptions) -> Directions:
    """All layers over the steps: ``forward`` and perhaps ``backward``, or ``transformer``."""
    sequence = _convolved(name, sequence, network)
    directions = recurrent_encoding(name, sequence, network)
    if network.transformer is None:
        return directions
    values = side_by_side(f"{name}.recurrent", directions, sequence.lengths)
    for index in range(network.transformer.blocks):
        block = TransformerBlock(
            network.head_count,
            network.transformer.feed_forward_units,
            network.transformer.dropout,
            name=f"{name}.transformer.{index}",
        )
        values = block(values, sequence.lengths)
    return {"transformer": values}


def _convolved(name: str, sequence: Sequence, network: NetworkOptions) -> Sequence:
    values, options = sequence.values, network.convolution
    for index in range(options.layers if options else 0):
        layer = SequenceConvolution(
            options.filters, options.kernel_size, name=f"{name}.convolution.{index}"
        )
        values = layer(values, sequence.lengths)
    return Sequence(values, sequence.lengths)


def recurrent_encoding(name: str, sequence: Sequence, network: NetworkOptions) -> Directions:
    """Runs the recurrent layers in each direction."""
    reverse = ReverseSequence(name=f"{name}.reverse")
    values, lengths = sequence
    if network.layers and network.cell != "none":
        values = ZeroPadding(name=f"{name}.zeroed")(values, lengths)
    directions: Directions = {"forward": values}
    for index in range(network.layers):
        before, directions = directions, {}
        for direction in ("forward", "backward") if network.bidirectional else ("forward",):
            read = values if direction == "forward" else reverse(values, lengths)
            layer_name = f"{name}.{direction}.{index}"
            output = _recurrent_layer(layer_name, read, network, dropped=index > 0)
            if network.residual and index > 0:
                add = keras.layers.Add(name=f"{layer_name}.residual")
                output = add([output, before[direction]])
            directions[direction] = output
        if index + 1 < network.layers:
            values = side_by_side(f"{name}.both.{index}", directions, lengths)
    return directions


def _recurrent_layer(
    name: str, values: keras.KerasTensor, network: NetworkOptions, dropped: bool
) -> keras.KerasTensor:
    """One layer in one direction, with what stands around it."""
    if network.layer_dropout and dropped:
        drop = keras.layers.Dropout(
            network.layer_dropout, SAME_AT_EACH_STEP, name=f"{name}.dropout"
        )
        values = drop(values)
    cell = importlib.import_module(cell_module(network.cell))
    values = cell.layer(network.units, name, **network.cell_options)(values)
    if network.layer_norm:
        values = keras.layers.LayerNormalization(name=f"{name}.norm")(values)
    return values


def side_by_side(
    name: str, directions: Directions, lengths: keras.KerasTensor
) -> keras.KerasTensor:
    """The directions joined at each step of the sequence, ``[batch, time, units]``."""
    values = dict(directions)
    if "backward" in values:
        reverse = ReverseSequence(name=f"{name}.reversed")
        values["backward"] = reverse(values["backward"], lengths)
    return concatenated(list(values.values()), name)


def concatenated(values: list[keras.KerasTensor], name: str) -> keras.KerasTensor:
    """Values side by side: joins their last axes."""
    return keras.layers.Concatenate(name=name)(values) if len(values) > 1 else values[0]
