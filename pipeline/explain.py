"""A few test rows with the model's answers and the words that decided them."""

import os
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from components.read import raw_examples, text_of
from components.train.run import KERAS_MODEL
from models.export import network_inputs
from models.features.sequences import raw_tensor
from models.insight import embedding_attribution
from models.options import LABEL, graph_module
from pipeline.comparable import described
from pipeline.experiment import Experiment
from pipeline.runs import RunRecord
from pipeline.workspace import WorkspaceError


class Explanation(NamedTuple):
    """An answer and what decided it.

    Attributes:
        words: the tokens that the network read, each with its share of what spoke for (above 0) or
            against (below 0) the answer; the shares' absolute values add up to 1.
        answer: the label given.
        score: its probability.
        truth: the label in the data.
    """

    words: list[tuple[str, float]]
    answer: str
    score: float
    truth: str


def explain(experiment: Experiment, record: RunRecord, count: int) -> list[Explanation]:
    """Explains the model of a run on test rows, the same rows each time.

    Raises:
        WorkspaceError: the run has no trained model, or the experiment does not classify text.
    """
    missing = {"examples", "model_run", "transform_graph"} - set(record.artifacts)
    if missing:
        raise WorkspaceError(f"{experiment.name}: no trained model yet (`rondo run FILE` first)")
    names = [name for name, options in experiment.features.items() if options.kind == "text"]
    others = [name for name, options in experiment.features.items() if options.raw.is_sequence]
    if experiment.task.kind != "classify" or not names or others:
        raise WorkspaceError(
            f"{experiment.name}: words are shown where text is classified, with numeric and "
            f"categorical features beside it; this is {described(experiment)}"
        )
    feature = names[0]
    rows = _spread(list(raw_examples(record.artifacts["examples"], "test")), count)
    transform = tft.TFTransformOutput(record.artifacts["transform_graph"])
    network = keras.models.load_model(os.path.join(record.artifacts["model_run"], KERAS_MODEL))
    raw = {
        name: raw_tensor(options.raw, [_raw(row, name, options.raw.dtype) for row in rows])
        for name, options in experiment.features.items()
    }
    inputs = network_inputs(transform.transform_features_layer()(dict(raw)))
    scores = network([inputs[tensor.name] for tensor in network.inputs], training=False).numpy()
    contributions = embedding_attribution(network, inputs, feature)
    tokens = graph_module("features", "text").tokenize(experiment.features[feature], raw[feature])
    labels = [label.decode() for label in transform.vocabulary_by_name(LABEL)]
    explanations = []
    for index, row in enumerate(rows):
        words = [token.decode("utf-8", "replace") for token in tokens[index].numpy()]
        weights = contributions[index, : len(words)]
        total = np.abs(weights).sum() or 1.0
        best = int(scores[index].argmax())
        explanations.append(
            Explanation(
                [(word, float(w / total)) for word, w in zip(words, weights, strict=True)],
                labels[best],
                float(scores[index, best]),
                text_of(row, experiment.task.label),
            )
        )
    return explanations


def _spread(rows: list[tf.train.Example], count: int) -> list[tf.train.Example]:
    places = np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)
    return [rows[place] for place in places]


def _raw(row: tf.train.Example, name: str, dtype: str) -> str | float:
    if dtype == "string":
        return text_of(row, name)
    return row.features.feature[name].float_list.value[0]
