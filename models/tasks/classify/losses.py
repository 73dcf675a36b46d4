"""Losses with weights by label, and what labels weigh."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from models.tasks.classify import Options
from models.tasks.classify.sets import present_labels


def label_weights(options: Options, names: list[str], labels: Iterable[np.ndarray]) -> np.ndarray:
    """What each label weighs, float64 ``[labels]``.

    ``balanced`` gives a label ``rows / (labels * its rows)``, as scikit-learn does.

    Args:
        options: the task's options.
        names: of the labels, in the order of the scores.
        labels: ids of the train split.

    Raises:
        ValueError: a label that has a weight does not exist.
    """
    if isinstance(options.class_weights, dict):
        options.check_weights(names)
        return np.array([options.class_weights.get(name, 1.0) for name in names])
    ids = np.concatenate([np.zeros(0, np.int64), *(np.ravel(label) for label in labels)])
    counts = np.bincount(ids[ids >= 0], minlength=len(names))
    return counts.sum() / (len(names) * np.maximum(counts, 1.0))


def set_weights(
    options: Options, names: list[str], sets: Iterable[np.ndarray], items: Any
) -> np.ndarray:
    """What each label weighs where it is absent and where it is present, float64 ``[labels, 2]``.

    ``balanced`` gives both halves of a label the same weight in all: ``items / (2 * its items)``.
    A weight by name holds for both.

    Args:
        options: the task's options.
        names: of the labels, in the order of the scores.
        sets: ids of the train split, below 0 where there is none.
        items: tells how many sets are in one of them.
    """
    if isinstance(options.class_weights, dict):
        return np.repeat(label_weights(options, names, ())[:, None], 2, axis=1)
    present, total = np.zeros(len(names)), 0
    for ids in sets:
        ids = np.ravel(ids)
        present += np.bincount(ids[ids >= 0], minlength=len(names))
        total += items(ids)
    counts = np.stack([total - present, present], axis=1)
    return total / (2.0 * np.maximum(counts, 1.0))


@keras.saving.register_keras_serializable(package="rondo")
class WeightedCrossEntropy(keras.losses.Loss):
    """Cross-entropy of the true label times its weight, as Keras's ``class_weight`` has it.

    Call arguments: labels int ``[batch]``; probabilities ``[batch, labels]``.

    Args:
        weights: by label.
    """

    def __init__(self, weights: Sequence[float], name: str = "weighted_cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.weights = list(weights)

    def call(self, y_true, y_pred):
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        losses = ops.sparse_categorical_crossentropy(labels, y_pred)
        return losses * ops.take(ops.convert_to_tensor(self.weights, losses.dtype), labels)

    def get_config(self):
        return {**super().get_config(), "weights": self.weights}


@keras.saving.register_keras_serializable(package="rondo")
class SetCrossEntropy(keras.losses.Loss):
    """Binary cross-entropy of each label, the mean over the labels and over the sets.

    Call arguments: see ``models.tasks.classify.sets.present_labels``.

    Args:
        weights: ``[labels, 2]``, of a label where it is absent and where it is present; all 1 if
            left out.
    """

    def __init__(
        self,
        weights: Sequence[Sequence[float]] | None = None,
        name: str = "set_cross_entropy",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.weights = weights

    def call(self, y_true, y_pred):
        present, inside = present_labels(y_true, y_pred)
        losses = ops.binary_crossentropy(present, y_pred)
        if self.weights is not None:
            weights = ops.convert_to_tensor(self.weights, losses.dtype)
            losses = losses * (weights[:, 0] * (1.0 - present) + weights[:, 1] * present)
        losses = ops.mean(losses, axis=-1)
        if inside is None:
            return losses
        # Keras takes the mean over all steps, those of the padding among them.
        steps = ops.cast(ops.size(losses), losses.dtype)
        return losses * inside * steps / ops.maximum(ops.sum(inside), 1.0)

    def get_config(self):
        return {**super().get_config(), "weights": self.weights}
