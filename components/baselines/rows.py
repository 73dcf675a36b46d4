"""The rows that baselines are trained and judged on: ingest's examples, and what Transform learnt.

Each part is read when it is first asked for, so that a comparison whose baselines are all kept from
before reads nothing.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_transform as tft

from components.read import raw_examples, value_of
from components.train.batches import elements, inputs_and_label, row_lengths
from components.train.data import TrainingData
from components.transform import TftLearnt
from models.export import parsed
from models.features.sequences import raw_tensor
from models.options import LABEL, FeatureOptions, TaskOptions, graph_module


class Split(NamedTuple):
    """The rows of a split in the order of their ids.

    Attributes:
        examples: as ingest wrote them.
        columns: raw values by feature, a value a row; a series is float32 ``[time, depth]``.
        targets: what each row is judged by, by name.
        labels: the first of the targets of each row; a list where the task answers each step.
    """

    examples: list[tf.train.Example]
    columns: dict[str, list[Any]]
    targets: dict[str, list[Any]]
    labels: list[Any]


class Rows:
    """All splits of a run.

    Args:
        examples: folder of ingest's examples.
        transform_graph: folder of what Transform learnt.
        features: options by feature name.
        task: the task's options.
        embeddings: folder of the Embeddings node, where a feature has pretrained vectors.
    """

    def __init__(
        self,
        examples: str,
        transform_graph: str,
        features: Mapping[str, FeatureOptions],
        task: TaskOptions,
        embeddings: str | None = None,
    ):
        self._examples = examples
        self._transform_graph = transform_graph
        self.features = features
        self.task = task
        self._embeddings = embeddings

    @functools.cached_property
    def _transform(self) -> tft.TFTransformOutput:
        return tft.TFTransformOutput(self._transform_graph)

    @functools.cached_property
    def transform(self) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """From raw tensors by name to transformed ones, of those that are given."""
        return self._transform.transform_features_layer()

    @functools.cached_property
    def learnt(self) -> TftLearnt:
        """Vocabularies of the features and the label, and pretrained vectors."""
        return TftLearnt(self._transform, self._embeddings)

    @functools.cached_property
    def label_names(self) -> list[str]:
        """The labels in the order of the network's scores."""
        return graph_module("tasks", self.task.kind).label_names(self.task, self.learnt)

    @functools.cached_property
    def train(self) -> Split:
        """The train split."""
        return self._split("train")

    @functools.cached_property
    def validation(self) -> Split:
        """The validate split."""
        return self._split("validate")

    @functools.cached_property
    def test(self) -> Split:
        """The test split."""
        return self._split("test")

    @functools.cached_property
    def training_data(self) -> TrainingData:
        """What the experiment's training loop reads: as in the Trainer, but in another order."""
        train, validation = self.transformed(self.train), self.transformed(self.validation)
        return TrainingData(
            self.task,
            train,
            row_lengths(train),
            validation,
            row_lengths(validation),
            self.learnt,
        )

    def transformed(self, split: Split) -> tf.data.Dataset:
        """Network inputs and label row by row, see ``components.train.batches.elements``."""
        serialised = tf.constant([example.SerializeToString() for example in split.examples])
        raw = parsed(serialised, self.features)
        for name, form in self.task.targets.items():
            raw[name] = raw_tensor(form, split.targets[name])
        features = self.transform(raw)
        return elements(tf.data.Dataset.from_tensors(dict(features)), inputs_and_label(LABEL))

    def _split(self, name: str) -> Split:
        found = list(raw_examples(self._examples, name))
        columns = {
            feature: [value_of(row, feature, options.raw) for row in found]
            for feature, options in self.features.items()
        }
        targets = {
            name: [value_of(row, name, form) for row in found]
            for name, form in self.task.targets.items()
        }
        return Split(found, columns, targets, next(iter(targets.values())))
