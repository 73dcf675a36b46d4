"""Writes the SavedModel that is judged, pushed and served.

Signatures:

* ``serving_default``: raw tensors by feature name to the task's served outputs.  A scalar feature
  is ``[batch]``; a sequence feature is ``[batch, time, ...]``, right-padded with anything, with
  ``NAME_length`` int32 ``[batch]`` beside it.  Where each step of a feature is answered, the
  answers are as wide as what was sent.
* ``examples``: serialised tf.Examples ``[batch]`` to the same outputs.
* ``transform_features``: raw tensors by feature name to what the network reads.
* ``evaluate``: serialised tf.Examples ``[batch]`` to the task's judged outputs, with the trivial
  baseline's beside, named ``baseline_*``.

``assets.extra/rondo.json`` beside the graph says what a person or another model must know of it.
"""

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.options import FeatureOptions, TaskOptions, graph_module
from models.portable import without_cudnn
from models.raw import Raw

ABOUT = os.path.join("assets.extra", "rondo.json")
RAW_DTYPES = {"string": tf.string, "float": tf.float32}
BASELINE_PREFIX = "baseline_"


def network_inputs(transformed: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Transformed tensors as the network reads them.

    A ragged ``[batch, (time)]`` becomes ``name`` ``[batch, time]``, right-padded with zeros, and
    ``name_length`` int32 ``[batch]``; int64 becomes int32.  A batch of no rows has one step of
    padding all the same, since Keras cannot run a recurrent layer over none.
    """
    inputs = {}
    for name, tensor in transformed.items():
        if isinstance(tensor, tf.RaggedTensor):
            inputs[f"{name}_length"] = tf.cast(tensor.row_lengths(), tf.int32)
            tensor = _widened(tensor.to_tensor(), 1)
        inputs[name] = tf.cast(tensor, tf.int32) if tensor.dtype == tf.int64 else tensor
    return inputs


def _widened(values: tf.Tensor, width: tf.Tensor | int) -> tf.Tensor:
    """Values ``[batch, time, ...]`` padded with zeros to at least ``width`` steps."""
    missing = tf.maximum(width - tf.shape(values)[1], 0)
    return tf.pad(values, [[0, 0], [0, missing], *[[0, 0]] * (values.shape.rank - 2)])


def sent_specs(name: str, raw: Raw) -> dict[str, tf.TensorSpec]:
    """What a client sends for a feature, by input name."""
    dtype = RAW_DTYPES[raw.dtype]
    specs = {name: tf.TensorSpec([None, *raw.shape], dtype, name=name)}
    if raw.is_sequence:
        specs[f"{name}_length"] = tf.TensorSpec([None], tf.int32, name=f"{name}_length")
    return specs


def received(name: str, raw: Raw, sent: Mapping[str, tf.Tensor]) -> tf.Tensor | tf.RaggedTensor:
    """A feature as its ``preprocess`` reads it, from what a client sent.

    Raises:
        tf.errors.InvalidArgumentError: (when run) a length is not within the values sent.
    """
    if not raw.is_sequence:
        return sent[name]
    values, lengths = sent[name], sent[f"{name}_length"]
    fits = f"{name}_length: a length is below 0 or above the steps sent in {name}"
    tf.debugging.assert_non_negative(lengths, fits)
    tf.debugging.assert_less_equal(lengths, tf.shape(values)[1], fits)
    return tf.RaggedTensor.from_tensor(values, tf.cast(lengths, tf.int64))


def parsed(
    examples: tf.Tensor, features: Mapping[str, FeatureOptions]
) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    """The features of serialised tf.Examples ``[batch]`` as ``preprocess`` reads them."""
    spec: dict[str, Any] = {}
    for name, options in features.items():
        dtype = RAW_DTYPES[options.raw.dtype]
        spec[name] = (
            tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)
            if options.raw.is_sequence
            else tf.io.FixedLenFeature([], dtype, options.missing)
        )
    tensors = tf.io.parse_example(examples, spec)
    for name, options in features.items():
        if options.raw.inner:
            numbers = tensors[name]
            steps = numbers.row_splits // math.prod(options.raw.inner)
            values = tf.reshape(numbers.flat_values, [-1, *options.raw.inner])
            tensors[name] = tf.RaggedTensor.from_row_splits(values, steps)
    return tensors


def write(
    path: str,
    network: keras.Model,
    features: Mapping[str, FeatureOptions],
    task: TaskOptions,
    labels: Sequence[str],
    baseline: np.ndarray,
    transform: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]],
    about: Mapping[str, Any],
) -> None:
    """Writes the SavedModel.

    Args:
        path: folder to write to.
        network: the trained network.
        features: options by feature name.
        task: the task's options.
        labels: label names, in the order of the network's scores; none if the task has none.
        baseline: the trivial baseline, as the task's ``baseline`` gave it.
        transform: trackable layer from raw to transformed tensors (Transform's own).
        about: more entries for ``rondo.json``.
    """
    graph = graph_module("tasks", task.kind)
    raw_specs: dict[str, tf.TensorSpec] = {}
    for name, options in features.items():
        raw_specs |= sent_specs(name, options.raw)
    defaults = {
        name: options.missing for name, options in features.items() if options.missing is not None
    }

    def inputs_of(raw: Mapping[str, tf.Tensor | tf.RaggedTensor]) -> dict[str, tf.Tensor]:
        return network_inputs(transform(dict(raw)))

    def transform_features(sent: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return inputs_of(
            {name: received(name, options.raw, sent) for name, options in features.items()}
        )

    def served(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return graph.served_outputs(task, network(inputs, training=False), labels, inputs)

    def answer(sent: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        inputs, steps = transform_features(sent), task.steps_of
        if steps is not None:
            inputs[steps] = _widened(inputs[steps], tf.shape(sent[steps])[1])
        return served(inputs)

    def answer_examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return served(inputs_of(parsed(examples, features)))

    def evaluate(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = inputs_of(parsed(examples, features))
        scores = network(inputs, training=False)
        trivial = graph.baseline_scores(task, baseline, inputs)
        return graph.judged_outputs(task, scores, labels, inputs) | {
            BASELINE_PREFIX + name: output
            for name, output in graph.judged_outputs(task, trivial, labels, inputs).items()
        }

    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.track(transform)
    serialised = [tf.TensorSpec([None], tf.string, name="examples")]
    with without_cudnn(network):
        archive.add_endpoint("serving_default", answer, [raw_specs])
        archive.add_endpoint("examples", answer_examples, serialised)
        archive.add_endpoint("transform_features", transform_features, [raw_specs])
        archive.add_endpoint("evaluate", evaluate, serialised)
        archive.write_out(path, verbose=False)
    contents = {
        "features": {name: options.raw.model_dump() for name, options in features.items()},
        "task": task.kind,
        "labels": list(labels),
        "defaults": defaults,
        **about,
    }
    tf.io.gfile.makedirs(os.path.dirname(os.path.join(path, ABOUT)))
    with tf.io.gfile.GFile(os.path.join(path, ABOUT), "w") as file:
        file.write(json.dumps(contents, indent=1, ensure_ascii=False))


def read_about(path: str) -> dict[str, Any]:
    """``rondo.json`` of an exported model; empty if it has none (another tool wrote it)."""
    about = os.path.join(path, ABOUT)
    if not tf.io.gfile.exists(about):
        return {}
    with tf.io.gfile.GFile(about) as file:
        return json.loads(file.read())
