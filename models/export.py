"""Writes the SavedModel that is judged, pushed and served.

Signatures:

* ``serving_default``: raw tensors by feature name (``[batch]``) to the task's served outputs.
* ``examples``: serialised tf.Examples ``[batch]`` to the same outputs.
* ``transform_features``: raw tensors by feature name to what the network reads.
* ``evaluate``: as ``examples``, with the trivial baseline's outputs beside, named ``baseline_*``.

``assets.extra/rondo.json`` beside the graph says what a person or another model must know of it.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.options import FeatureOptions, TaskOptions, graph_module

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
            tensor = _with_a_step(tensor.to_tensor())
        inputs[name] = tf.cast(tensor, tf.int32) if tensor.dtype == tf.int64 else tensor
    return inputs


def _with_a_step(values: tf.Tensor) -> tf.Tensor:
    missing = tf.maximum(1 - tf.shape(values)[1], 0)
    return tf.pad(values, [[0, 0], [0, missing], *[[0, 0]] * (values.shape.rank - 2)])


def write(
    path: str,
    network: keras.Model,
    features: Mapping[str, FeatureOptions],
    task: TaskOptions,
    labels: Sequence[str],
    baseline_scores: np.ndarray,
    transform: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]],
    about: Mapping[str, Any],
) -> None:
    """Writes the SavedModel.

    Args:
        path: folder to write to.
        network: the trained network.
        features: options by feature name.
        task: the task's options.
        labels: label names, in the order of the network's scores.
        baseline_scores: ``[labels]``, the trivial baseline's answer to every row.
        transform: trackable layer from raw to transformed tensors (Transform's own).
        about: more entries for ``rondo.json``.
    """
    graph = graph_module("tasks", task.kind)
    raw_specs = {
        name: tf.TensorSpec([None], RAW_DTYPES[options.raw_type], name=name)
        for name, options in features.items()
    }
    defaults = {
        name: options.missing for name, options in features.items() if options.missing is not None
    }
    parse_spec = {
        name: tf.io.FixedLenFeature([], spec.dtype, defaults.get(name))
        for name, spec in raw_specs.items()
    }

    def transform_features(raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return network_inputs(transform(dict(raw)))

    def answer(raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        scores = network(transform_features(raw), training=False)
        return graph.served_outputs(task, scores, labels)

    def answer_examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(tf.io.parse_example(examples, parse_spec))

    def evaluate(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = tf.tile(tf.constant(baseline_scores)[None, :], [tf.size(examples), 1])
        baseline = graph.served_outputs(task, scores, labels)
        return answer_examples(examples) | {
            BASELINE_PREFIX + name: output for name, output in baseline.items()
        }

    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.track(transform)
    serialised = [tf.TensorSpec([None], tf.string, name="examples")]
    archive.add_endpoint("serving_default", answer, [raw_specs])
    archive.add_endpoint("examples", answer_examples, serialised)
    archive.add_endpoint("transform_features", transform_features, [raw_specs])
    archive.add_endpoint("evaluate", evaluate, serialised)
    archive.write_out(path, verbose=False)
    contents = {
        "features": {name: options.raw_type for name, options in features.items()},
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
