"""A few test rows with the model's answers and the steps that decided them."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from components.baselines.sets import answers_sets
from components.read import list_of, raw_examples
from components.transform import TftLearnt
from models.export import network_inputs
from models.features.per_step import is_per_step
from models.features.sequences import raw_tensor
from models.features.strings import first_token
from models.insight import activations, figures
from models.insight.attribution import Attribution, integrated_gradients
from models.insight.neighbours import embedding_matrix, nearest
from models.options import FeatureOptions, did_you_mean, graph_module
from pipeline.comparable import described
from pipeline.experiment import Experiment
from pipeline.runs import RunRecord
from pipeline.trained import trained_network
from pipeline.workspace import WorkspaceError

TASKS = ("classify", "tag")
WITH_WORDS = ("text", "tokens")
UNKNOWN = "(unknown)"


class Answer(NamedTuple):
    """A label given, its probability, and the label in the data."""

    label: str
    score: float
    truth: str


class Explanation(NamedTuple):
    """A row's answers and what decided them.

    Attributes:
        answers: one or, where steps are answered, one a step.
        steps: by sequence feature, what the network read: words, numbers or places.
        shares: by sequence feature, float32 ``[answers, time]``: what each step contributed to
            each answer's log-probability, in nats; see ``models.insight.attribution``.
    """

    answers: list[Answer]
    steps: dict[str, list[str]]
    shares: dict[str, np.ndarray]


class Explained:
    """The network of a run, and some of its test rows, the same each time.

    Raises:
        WorkspaceError: the run has no trained model, or the experiment's task or features are of
            kinds that this does not know.
    """

    def __init__(self, experiment: Experiment, record: RunRecord, count: int) -> None:
        check_trained(experiment, record)
        if experiment.task.kind not in TASKS:
            raise WorkspaceError(
                f"{experiment.name}: labels are explained, of the tasks {' and '.join(TASKS)}, and "
                f"captions; this is {described(experiment)}"
            )
        if answers_sets(experiment.task):
            raise WorkspaceError(
                f"{experiment.name}: one label of several is explained; this task answers sets of "
                "labels (`rondo compare` shows what a network without order comes to)"
            )
        self.experiment = experiment
        self.transform = tft.TFTransformOutput(record.artifacts["transform_graph"])
        self.network = trained_network(experiment, record.artifacts["model_run"])
        self.rows = spread(list(raw_examples(record.artifacts["examples"], "test")), count)
        self.raw = {
            name: [list_of(row, name, options.raw) for row in self.rows]
            for name, options in experiment.features.items()
        }
        raw = {n: raw_tensor(experiment.features[n].raw, values) for n, values in self.raw.items()}
        self.inputs = network_inputs(self.transform.transform_features_layer()(raw))
        read = {tensor.name for tensor in self.network.inputs}
        self.sequences = [
            name
            for name, options in experiment.features.items()
            if {name, f"{name}_length"} <= read and not is_per_step(options)
        ]
        if not self.sequences or experiment.task.steps_of not in (None, *self.sequences):
            raise WorkspaceError(
                f"{experiment.name}: the network reads no sequence whose steps could be shown (of "
                f"per_step features none are); this is {described(experiment)}"
            )

    def length(self, feature: str, row: int) -> int:
        """Steps of a row that the network read."""
        return int(self.inputs[f"{feature}_length"][row])

    @cached_property
    def explanations(self) -> list[Explanation]:
        """Of each row; what decided is worked out for all rows together."""
        network, task = self.network, self.experiment.task
        if hasattr(graph_module("tasks", task.kind), "probabilities"):
            network = graph_module("tasks", task.kind).probabilities(task, network)
        scores = keras.Model(network.inputs, network.output)(
            [self.inputs[tensor.name] for tensor in network.inputs], training=False
        ).numpy()
        aligned = self.experiment.task.steps_of
        rows = [
            (row, step)
            for row in range(len(self.rows))
            for step in range(1 if aligned is None else self.length(aligned, row))
        ]
        of_row = np.array([row for row, _ in rows])
        at_step = None if aligned is None else np.array([step for _, step in rows])
        given = scores[of_row] if at_step is None else scores[of_row, at_step]
        answers = given.argmax(axis=-1)
        repeated = {name: tf.gather(values, of_row) for name, values in self.inputs.items()}
        shares: dict[str, Attribution] = {
            name: integrated_gradients(network, repeated, name, answers, at_step)
            for name in self.sequences
        }
        task = self.experiment.task
        labels = graph_module("tasks", task.kind).label_names(task, TftLearnt(self.transform))
        found = []
        for row, example in enumerate(self.rows):
            places = np.flatnonzero(of_row == row)
            truth = strings(example, self.experiment.task.label)
            found.append(
                Explanation(
                    [
                        Answer(labels[answers[place]], float(given[place, answers[place]]), true)
                        for place, true in zip(places, truth, strict=True)
                    ],
                    {name: self.step_names(name, row) for name in self.sequences},
                    {
                        name: shares[name].steps[places, : self.length(name, row)]
                        for name in self.sequences
                    },
                )
            )
        return found

    def step_names(self, feature: str, row: int) -> list[str]:
        """What stands at each step that the network read: a word, a number or the step's place."""
        options, raw = self.experiment.features[feature], self.raw[feature][row]
        length = self.length(feature, row)
        if options.kind == "text" and options.subwords:
            first = first_token(options)
            units = self._vocabulary(feature)
            ids = self.inputs[feature][row, :length].numpy()
            return [units[place - first] if place >= first else UNKNOWN for place in ids]
        if options.kind == "text":
            tokenize = graph_module("features", "text").tokenize
            (tokens,) = tokenize(options, tf.constant([raw])).to_list()
            return [token.decode("utf-8", "replace") for token in tokens] or [UNKNOWN]
        if options.kind == "tokens":
            return options.tokens_of(raw)[:length] or [UNKNOWN]
        if options.kind == "series" and options.depth == 1 and len(raw) == length:
            return [f"{step[0]:.3g}" for step in raw]
        return [str(place + 1) for place in range(length)]

    def neighbours(self, word: str, count: int) -> dict[str, list[tuple[str, float]]]:
        """By feature that knows the word: its nearest words and their cosines.

        Raises:
            WorkspaceError: no feature has embedded words, or none of them knows this one.
        """
        found, words = {}, []
        for name, options in self._features_with_words():
            offset = first_token(options)
            known = self._vocabulary(name)
            words += known
            wanted = word.lower() if options.lower else word
            if wanted in known:
                vectors = embedding_matrix(self.network, name)[offset : offset + len(known)]
                near = nearest(vectors, known.index(wanted), count)
                found[name] = [(known[other], cosine) for other, cosine in near]
        if not found:
            raise WorkspaceError(
                f"--neighbours {word}: not among the {len(words)} words that "
                f"{self.experiment.name} learnt from its train split{did_you_mean(word, words)}"
            )
        return found

    def _vocabulary(self, feature: str) -> list[str]:
        entries = self.transform.vocabulary_by_name(feature)
        return [entry.decode("utf-8", "replace") for entry in entries]

    def _features_with_words(self) -> list[tuple[str, FeatureOptions]]:
        layers = {layer.name for layer in self.network.layers}
        features = [
            (name, options)
            for name, options in self.experiment.features.items()
            if options.kind in WITH_WORDS and f"{name}.embedding" in layers
        ]
        if not features:
            raise WorkspaceError(
                f"--neighbours is of embedded words, of features of kind {' or '.join(WITH_WORDS)};"
                f" this is {described(self.experiment)}"
            )
        return features

    def write_figures(self, folder: Path) -> Iterator[Path]:
        """Writes a picture of each kind that the network has, for each row; yields each path."""
        folder.mkdir(parents=True, exist_ok=True)
        for feature in self.sequences:
            states = activations.activations(self.network, self.inputs, feature)
            weights = activations.attention_weights(self.network, self.inputs, feature)
            for row, explanation in enumerate(self.explanations):
                steps = explanation.steps[feature]
                inside = slice(len(steps))
                drawn = {f"{feature}.attribution": _attribution(explanation, feature)}
                for layer in states:
                    gates = {name: gate[row, inside] for name, gate in layer.gates.items()}
                    one = layer._replace(hidden=layer.hidden[row, inside], gates=gates)
                    drawn[f"{layer.layer}.activations"] = figures.activations_figure(steps, one)
                for looked in weights:
                    of_row = looked.weights[row][..., inside]
                    if of_row.ndim == 3:
                        of_row = of_row[:, inside]
                    one = looked._replace(weights=of_row)
                    drawn[f"{looked.layer}.weights"] = figures.attention_figure(steps, one)
                for name, figure in drawn.items():
                    path = folder / f"{row + 1}.{name}.png"
                    figure.savefig(path)
                    yield path


def explain(experiment: Experiment, record: RunRecord, count: int) -> list[Explanation]:
    """Explains the model of a run on test rows; see ``Explained``."""
    return Explained(experiment, record, count).explanations


def _attribution(explanation: Explanation, feature: str) -> Any:
    steps, shares = explanation.steps[feature], explanation.shares[feature]
    if len(explanation.answers) == 1:
        answer = explanation.answers[0]
        right = "" if answer.label == answer.truth else f", it is {answer.truth}"
        title = f"{feature}: what spoke for {answer.label} ({answer.score:.2f}{right})"
        return figures.attribution_figure(steps, shares[0], title)
    names = [answer.label for answer in explanation.answers]
    return figures.step_attribution_figure(steps, names, shares, f"{feature}: what spoke for each")


def check_trained(experiment: Experiment, record: RunRecord) -> None:
    """Looks whether a run has what explaining reads.

    Raises:
        WorkspaceError: it has no trained model.
    """
    if {"examples", "model_run", "transform_graph"} - set(record.artifacts):
        raise WorkspaceError(f"{experiment.name}: no trained model yet (`rondo run FILE` first)")


def spread(rows: list[tf.train.Example], count: int) -> list[tf.train.Example]:
    """So many of the rows, evenly spread over all."""
    places = np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)
    return [rows[place] for place in places]


def strings(row: tf.train.Example, name: str) -> list[str]:
    """The text, or texts, that an example has under a name."""
    values = row.features.feature[name].bytes_list.value
    return [value.decode("utf-8", "replace") for value in values]
