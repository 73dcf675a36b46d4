"""The network of a language model.

It reads windows: its inputs are the feature's, ``label.before`` (the step before the window) and
``label.goes_on`` int32 ``[batch]`` (whether there is one).  Its output is figures of each step
(``models.tasks.generate.scores``), of the last ones only where no others are predicted.
"""

import importlib
from collections.abc import Mapping

import keras

from models.dotted import cell_module
from models.encoder import SAME_AT_EACH_STEP, embedding_dropped
from models.features import steps as feature_steps
from models.features.analyzers import Learnt
from models.features.sequences import UNKNOWN
from models.features.strings import first_token
from models.features.vectors import vectors_of
from models.layers.sequence import Sequence
from models.options import FeatureOptions
from models.raw import length_name
from models.spec import NetworkOptions
from models.tasks.generate import Options
from models.tasks.generate.carrying import Begins, Carried, Fed, LastSteps
from models.tasks.generate.scores import AllIds, SetScores, TextScores

BEFORE, GOES_ON = "label.before", "label.goes_on"
CARRIED, PROJECTION, SCORES, VECTORS = (
    "stream.carried.",
    "stream.projection",
    "stream.scores",
    "stream.vectors",
)


def build(
    features: Mapping[str, FeatureOptions],
    task: Options,
    network: NetworkOptions,
    learnt: Learnt,
) -> keras.Model:
    """The uncompiled network; see the module.

    Raises:
        ValueError: the cell's layer has no state that could be carried, or ``writing.end`` is no
            piece that was learnt.
    """
    name = str(task.text)
    feature = features[name]
    inputs = feature_steps.keras_inputs(feature, name)
    came, lengths = inputs[name], inputs[length_name(name, 1)]
    inputs[BEFORE] = keras.Input(came.shape[2:], dtype=came.dtype, name=BEFORE)
    inputs[GOES_ON] = keras.Input((), dtype="int32", name=GOES_ON)
    fed = Fed(name="stream.fed")(came, inputs[BEFORE])
    read = feature_steps.encode(
        feature, name, {name: fed, length_name(name, 1): lengths}, learnt, network.embedding_size
    )
    values = embedding_dropped(name, Sequence(read.values, lengths), network).values
    values = _recurrent(task, network, values, Begins(name="stream.begins")(inputs[GOES_ON]))
    if task.last is not None:
        last = LastSteps(task.last, name="stream.last")
        values, came = last(values, lengths), last(came, lengths)
    if task.sets:
        values = _dropped(task, values)
        return keras.Model(inputs, SetScores(name=SCORES)(values, came), name="network")
    end = end_of(task, learnt)
    size = learnt.vocabulary_size(name) + first_token(feature)
    tied = task.tied and vectors_of(feature) is None
    embedding = keras.Model(inputs, read.values).get_layer(f"{name}.embedding")
    width = read.values.shape[-1]
    if tied and values.shape[-1] != width:
        values = keras.layers.Dense(width, name=PROJECTION)(values)
    values = _dropped(task, values)
    scores = TextScores(size, tied, task.samples, end, name=SCORES)
    if not tied:
        return keras.Model(inputs, scores(values, came), name="network")
    vectors = embedding(AllIds(size, name=VECTORS)(fed))
    return keras.Model(inputs, scores(values, came, vectors), name="network")


def end_of(task: Options, learnt: Learnt) -> int | None:
    """The id of the piece that ends a text, if one does.

    Raises:
        ValueError: it is none of the vocabulary.
    """
    end = task.writing.end
    if end is None:
        return None
    known = learnt.vocabulary(str(task.text))
    if end not in known:
        raise ValueError(
            f"task.writing.end: {end!r} is no piece of the vocabulary of {task.text!r}, so that it "
            "would never be written (name one that the train split has, or leave it out)"
        )
    return UNKNOWN + 1 + known.index(end)


def _recurrent(
    task: Options, network: NetworkOptions, values: keras.KerasTensor, begins: keras.KerasTensor
) -> keras.KerasTensor:
    module = importlib.import_module(cell_module(network.cell))
    for index in range(network.layers):
        if index and network.layer_dropout:
            drop = keras.layers.Dropout(
                network.layer_dropout, SAME_AT_EACH_STEP, name=f"stream.layer_dropout.{index}"
            )
            values = drop(values)
        name = f"{CARRIED}{index}"
        layer = module.layer(network.units, f"{name}.layer", **network.cell_options)
        if isinstance(layer, keras.layers.RNN):
            values = Carried(layer, task.weight_dropout, name=name)(values, begins)
        elif isinstance(layer, keras.layers.Dense):
            layer.name = name
            values = layer(values)
        else:
            raise ValueError(
                f"network.cell: {network.cell} gives a {type(layer).__name__}, whose state cannot "
                "be carried from window to window (a keras.layers.RNN can)"
            )
    return values


def _dropped(task: Options, values: keras.KerasTensor) -> keras.KerasTensor:
    if not task.output_dropout:
        return values
    drop = keras.layers.Dropout(
        task.output_dropout, SAME_AT_EACH_STEP, name="stream.output_dropout"
    )
    return drop(values)
