"""The network of a transcription: frames to the logarithms of pieces and blank at each step.

A convolution makes ``stride`` frames one step; then stands the encoder of the experiment
(convolutions, recurrent layers, Transformer).  Other features stand beside each step.
"""

from collections.abc import Mapping

import keras

from models.encoder import pooled_encoding, step_encoding
from models.features import steps as feature_steps
from models.features.analyzers import Learnt
from models.layers.convolution import SequenceConvolution, StridedLengths
from models.layers.ctc import PathScores
from models.layers.sequence import Sequence
from models.network import steps_beside
from models.options import LABEL, FeatureOptions
from models.spec import NetworkOptions
from models.tasks.transcribe import Options


def classes_of(learnt: Learnt) -> int:
    """Blank, unknown piece, and the pieces that were learnt."""
    return 2 + learnt.vocabulary_size(LABEL)


def build(
    features: Mapping[str, FeatureOptions],
    task: Options,
    network: NetworkOptions,
    learnt: Learnt,
) -> keras.Model:
    """The uncompiled network, from the features' inputs to float32 ``[batch, steps, classes]``."""
    inputs: dict[str, keras.KerasTensor] = {}
    vectors: list[keras.KerasTensor] = []
    steps = None
    for name, options in features.items():
        own = feature_steps.keras_inputs(options, name)
        inputs |= own
        encoded = feature_steps.encode(options, name, own, learnt, network.embedding_size)
        if name == task.source:
            steps = step_encoding(name, _strided(name, encoded, task, network), network)
        elif isinstance(encoded, Sequence):
            vectors += pooled_encoding(name, encoded, network)
        else:
            vectors.append(encoded)
    assert steps is not None, "a bound task has a source"
    values, lengths = steps_beside(steps, vectors)
    if network.dropout:
        values = keras.layers.Dropout(network.dropout, name="_dropout")(values)
    dense = keras.layers.Dense(classes_of(learnt), dtype="float32", name="transcribe.classes")
    scores = PathScores(dtype="float32", name="transcribe.scores")(dense(values), lengths)
    return keras.Model(inputs, scores, name="network")


def _strided(name: str, frames: Sequence, task: Options, network: NetworkOptions) -> Sequence:
    """Frames as the encoder reads them, ``stride`` of them a step."""
    if task.stride == 1:
        return frames
    width = network.convolution.filters if network.convolution else network.units
    # Half of what the steps to either side see, too.
    convolution = SequenceConvolution(
        width, 2 * task.stride + 1, strides=task.stride, name=f"{name}.strided"
    )
    lengths = StridedLengths(task.stride, name=f"{name}.steps")
    return Sequence(convolution(*frames), lengths(frames.lengths))
