"""What a network is trained on: transformed rows of the train and validate splits, in memory."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx_bsl.public.tfxio import TensorFlowDatasetOptions

from components.embeddings.artifact import embeddings_folder
from components.train.batches import (
    PARSE_ROWS,
    bucketed,
    elements,
    inputs_and_label,
    row_lengths,
)
from components.transform import TftLearnt
from models.answers import taught
from models.options import LABEL, TaskOptions, graph_module
from models.spec import TrainingOptions


class TrainingData(NamedTuple):
    """Transformed rows, see ``components.train.batches``, and what Transform learnt.

    Attributes:
        task: the task's options.
        train: rows of the train split.
        train_lengths: their steps, int64 ``[rows]``.
        validation: rows of the validate split.
        validation_lengths: their steps, int64 ``[rows]``.
        learnt: vocabularies of the features and the label, and pretrained vectors.
    """

    task: TaskOptions
    train: tf.data.Dataset
    train_lengths: np.ndarray
    validation: tf.data.Dataset
    validation_lengths: np.ndarray
    learnt: TftLearnt

    def batches(self, training: TrainingOptions, seed: int) -> tuple[tf.data.Dataset, ...]:
        """Batches of the train split, shuffled anew each epoch, and of the validate split.

        Args:
            training: the batch size and the buckets.
            seed: of the shuffling.
        """
        return (
            batches_of(self.task, self.train, self.train_lengths, training, seed),
            batches_of(self.task, self.validation, self.validation_lengths, training, None),
        )

    def labels(self) -> Iterator[Any]:
        """Transformed labels of the train split, an array a row, or several by name; what the task
        takes for them, where its inputs are what is predicted.
        """
        graph = graph_module("tasks", self.task.kind)
        if hasattr(graph, "label_of"):
            rows = self.train.as_numpy_iterator()
            return (graph.label_of(self.task, inputs, label) for inputs, label in rows)
        return (label for _, label in self.train.as_numpy_iterator())


def batches_of(
    task: TaskOptions,
    rows: tf.data.Dataset,
    lengths: np.ndarray,
    training: TrainingOptions,
    seed: int | None,
) -> tf.data.Dataset:
    """Batches that the network learns from or is watched by: padded ones of similar length, or
    the task's own.

    Args:
        task: the task's options.
        rows: of a split.
        lengths: their steps, int64 ``[rows]``.
        training: the batch size and the buckets.
        seed: of the shuffling; the rows keep their order if None.
    """
    graph = graph_module("tasks", task.kind)
    if hasattr(graph, "batches"):
        return graph.batches(task, rows, training, seed)
    padded = bucketed(rows, lengths, training.batch_size, training.length_buckets, seed)
    return padded.map(taught(task))


def load(fn_args: FnArgs, task: TaskOptions) -> TrainingData:
    """Reads what TFX hands to a Trainer or a Tuner."""
    transform_output = tft.TFTransformOutput(fn_args.transform_graph_path)

    def rows_of(patterns: list[str]) -> tf.data.Dataset:
        parsed = fn_args.data_accessor.tf_dataset_factory(
            patterns,
            TensorFlowDatasetOptions(batch_size=PARSE_ROWS, num_epochs=1, shuffle=False),
            transform_output.transformed_metadata.schema,
        )
        return elements(parsed, inputs_and_label(LABEL))

    train, validation = rows_of(fn_args.train_files), rows_of(fn_args.eval_files)
    return TrainingData(
        task,
        train,
        row_lengths(train),
        validation,
        row_lengths(validation),
        TftLearnt(transform_output, embeddings_folder(fn_args)),
    )
