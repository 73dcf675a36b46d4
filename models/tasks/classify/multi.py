"""Any number of labels, of a row or of each step: a sigmoid and binary cross-entropy a label.

The trivial baseline scores each label with its share of the train split and answers one and the
same set everywhere, whatever the threshold: of the sets of the most frequent labels, the one whose
F1 over all labels together is the best on the train split.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from models.features.analyzers import Analyzers, Learnt
from models.options import LABEL
from models.tasks import f1
from models.tasks.calibration import GAPS, SMALLEST, calibration_error, fitted_each, gaps
from models.tasks.classify import SEPARATOR, Options
from models.tasks.classify.losses import SetCrossEntropy, set_weights
from models.tasks.classify.sets import MicroF1, ids_of_sets, present_labels, steps_opened
from models.tasks.names import SMALLEST_PROBABILITY, Labels, names_as_bytes

SUMS = ("sets", "decisions", *f1.COUNTS, "example_f1", "exact", "log_loss", *GAPS)
"""A set is judged as a whole; a decision is whether one label is in it."""


class Answered(NamedTuple):
    """Scores, and which labels are answered, both ``[..., labels]``, where no threshold decides."""

    scores: tf.Tensor
    answered: tf.Tensor


def preprocess(options: Options, raw: tf.Tensor, analyzers: Analyzers) -> tf.RaggedTensor:
    """Raw sets to ids int64 ``[batch, (ids)]``; see ``models.tasks.classify.sets``."""
    return ids_of_sets(raw, analyzers)


def label_names(options: Options, learnt: Learnt) -> list[str]:
    """The labels, in the order of the scores."""
    return learnt.vocabulary(LABEL)


def head(options: Options, body: keras.KerasTensor, learnt: Learnt) -> keras.KerasTensor:
    """``[batch, (time,) units]`` to probabilities ``[batch, (time,) labels]``, float32."""
    labels = learnt.vocabulary_size(LABEL)
    return keras.layers.Dense(
        labels, activation="sigmoid", dtype="float32", name="classify.scores"
    )(body)


def loss(options: Options, learnt: Learnt, labels: Labels | None) -> keras.losses.Loss:
    """Binary cross-entropy, in nats a label, times what it weighs."""
    if options.class_weights == "none" or labels is None:
        return SetCrossEntropy()
    names = label_names(options, learnt)
    return SetCrossEntropy(set_weights(options, names, labels(), _sets_in(options)).tolist())


def _sets_in(options: Options) -> Callable[[np.ndarray], int]:
    return (lambda ids: 1) if not options.aligned else steps_opened


def training_metrics(options: Options) -> list[keras.metrics.Metric]:
    """What is shown while training, beside the loss."""
    return [MicroF1(options.threshold, name="micro_f1")]


def baseline(options: Options, labels: Iterable[np.ndarray], names: list[str]) -> np.ndarray:
    """Shares of the labels, and 1 for those that are answered, float32 ``[2, labels]``.

    Each label is counted once more present and once more absent than it is.
    """
    counts, sets, sets_in = np.zeros(len(names)), 0, _sets_in(options)
    for ids in labels:
        ids = np.ravel(ids)
        counts += np.bincount(ids[ids >= 0], minlength=len(names))
        sets += sets_in(ids)
    order = np.argsort(-counts, kind="stable")
    # F1 of answering the first 1, 2, ... labels of the order to every set.
    found = f1.f1(np.cumsum(counts[order]), sets * np.arange(1.0, len(names) + 1), counts.sum())
    answered = np.zeros(len(names))
    answered[order[: int(np.argmax(np.nan_to_num(found))) + 1]] = 1.0
    return np.stack([(counts + 1.0) / (sets + 2.0), answered]).astype(np.float32)


def baseline_scores(options: Options, baseline: np.ndarray, shape: list[tf.Tensor]) -> Answered:
    """The baseline's answer to as many sets as a shape ``[batch]`` or ``[batch, time]`` has."""
    scores, answered = (tf.broadcast_to(tf.constant(row), [*shape, len(row)]) for row in baseline)
    return Answered(scores, answered > 0)


def served_outputs(
    options: Options,
    scores: tf.Tensor | Answered,
    labels: Sequence[str],
    lengths: tf.Tensor | None,
) -> dict[str, tf.Tensor]:
    """``answer``, ``answer_length``, ``labels``, ``scores``; see ``graph.served_outputs``."""
    scores, answered = _answered(options, scores, lengths)
    names = tf.constant(list(labels))
    # The likeliest first; what is not answered comes behind all that is.
    order = tf.argsort(tf.where(answered, scores, -1.0), direction="DESCENDING", stable=True)
    count = tf.reduce_sum(tf.cast(answered, tf.int32), axis=-1)
    served = {
        "answer": tf.where(tf.sequence_mask(count, len(labels)), tf.gather(names, order), ""),
        "answer_length": count,
        "labels": tf.broadcast_to(names, [tf.shape(scores)[0], len(labels)]),
        "scores": scores,
    }
    return served if lengths is None else served | {"length": lengths}


def judged_outputs(
    options: Options,
    scores: tf.Tensor | Answered,
    labels: Sequence[str],
    lengths: tf.Tensor | None,
) -> dict[str, tf.Tensor]:
    """The served outputs, and ``answered`` float32 in the shape of the scores: 1 or 0."""
    _, answered = _answered(options, scores, lengths)
    served = served_outputs(options, scores, labels, lengths)
    return served | {"answered": tf.cast(answered, tf.float32)}


def _answered(
    options: Options, scores: tf.Tensor | Answered, lengths: tf.Tensor | None
) -> Answered:
    """Scores and which labels are answered, none beyond the lengths."""
    if not isinstance(scores, Answered):
        scores = Answered(scores, scores >= options.threshold)
    if lengths is None:
        return scores
    inside = tf.sequence_mask(lengths, tf.shape(scores.scores)[1])[..., None]
    return Answered(tf.where(inside, scores.scores, 0.0), scores.answered & inside)


def statistics(options: Options) -> tuple[str, ...]:
    """Names of what is summed."""
    return SUMS + f1.count_names(options.judged_each)


def example_statistics(
    options: Options, truth: np.ndarray, outputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Statistics of rows, float64 ``[rows, statistics]``.

    A label that is not among the served ones counts as missed, and as one decision more with the
    loss of the smallest probability.

    Raises:
        ValueError: a row has another number of answers than of steps.
    """
    truth = names_as_bytes(truth).reshape(len(truth), -1)
    rows, steps = truth.shape
    if options.aligned:
        lengths = np.asarray(outputs["length"]).reshape(-1)
        if (lengths != steps).any():
            raise ValueError(f"{lengths.tolist()} steps were answered, where rows have {steps}")
    names = names_as_bytes(np.asarray(outputs["labels"])[0]).tolist()
    scores, answered = (
        np.asarray(outputs[name], np.float64).reshape(rows, -1, len(names))[:, :steps]
        for name in ("scores", "answered")
    )
    answered = answered > 0
    places = {name: place for place, name in enumerate(names)}
    present = np.zeros((rows, steps, len(names)), bool)
    unknown = np.zeros((rows, steps))
    for (row, step), joined in np.ndenumerate(truth):
        for name in joined.split(SEPARATOR.encode()) if joined else ():
            if name in places:
                present[row, step, places[name]] = True
            else:
                unknown[row, step] += 1.0
    hits = (present & answered).sum(axis=-1)
    true, guessed = present.sum(axis=-1) + unknown, answered.sum(axis=-1)
    right = np.clip(np.where(present, scores, 1.0 - scores), SMALLEST_PROBABILITY, 1.0)
    losses = -np.log(right).sum(axis=-1) - unknown * np.log(SMALLEST_PROBABILITY)
    # Of a set without labels that is answered by none all is right.
    example_f1 = np.nan_to_num(f1.f1(hits, guessed, true), nan=1.0)
    exact = (present == answered).all(axis=-1) & (unknown == 0)
    decisions = len(names) + unknown
    by_step = (np.ones_like(true), decisions, hits, guessed, true, example_f1, exact, losses)
    parts = [np.stack([part.sum(axis=1) for part in by_step], axis=1)]
    parts.append(gaps(scores.reshape(rows, -1), present.reshape(rows, -1)))
    if options.judged_each:
        parts.append(_counts_of_each(options, truth, names, answered))
    return np.concatenate(parts, axis=1, dtype=np.float64)


def _counts_of_each(
    options: Options, truth: np.ndarray, names: list[bytes], answered: np.ndarray
) -> np.ndarray:
    """Sums by stated label, which need not all be served: ``[rows, 3 * labels]``."""
    each = [name.encode() for name in options.judged_each]
    known = {name: place for place, name in enumerate(names)}
    asked = np.zeros((*truth.shape, len(each)), bool)
    there = np.zeros_like(asked)
    for place, name in enumerate(each):
        if name in known:
            asked[..., place] = answered[..., known[name]]
    for at, joined in np.ndenumerate(truth):
        found = set(joined.split(SEPARATOR.encode()))
        there[at] = [name in found for name in each]
    return f1.counts(asked, there).sum(axis=1)


def summarise(options: Options, sums: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of sums ``[..., statistics]``; NaN where there is no set."""
    columns = dict(zip(SUMS, np.moveaxis(sums[..., : len(SUMS)], -1, 0), strict=True))
    sets, decisions = (
        np.where(columns[name] > 0, columns[name], np.nan) for name in ("sets", "decisions")
    )
    gap = sums[..., len(SUMS) - len(GAPS) : len(SUMS)]
    found = {
        "micro_f1": f1.f1(*(columns[name] for name in f1.COUNTS)),
        "example_f1": columns["example_f1"] / sets,
        "exact_match": columns["exact"] / sets,
        "log_loss": columns["log_loss"] / decisions,
        "calibration_error": calibration_error(gap, decisions),
    }
    if options.judged_each:
        found["macro_f1"] = f1.macro_f1(sums[..., len(SUMS) :], len(options.judged_each))
    return found


def calibration(
    options: Options, answers: Iterator[tuple[np.ndarray, np.ndarray]]
) -> dict[str, np.ndarray]:
    """One temperature for all labels, fitted on batches of (scores, label)."""
    scores, truth = [], []
    for found, ids in answers:
        present, inside = present_labels(ids, tf.constant(found))
        kept = np.ones(len(found), bool) if inside is None else inside.numpy() > 0
        scores.append(found[kept])
        truth.append(present.numpy()[kept] > 0)
    return fitted_each(np.concatenate(scores), np.concatenate(truth))


def calibrated(options: Options, scores: tf.Tensor, temperature: np.ndarray) -> tf.Tensor:
    """Scores ``[batch, (time,) labels]`` at a temperature; 0.5 stays 0.5, and their order stays."""
    held = tf.clip_by_value(scores, SMALLEST, 1.0 - SMALLEST)
    logits = tf.math.log(held) - tf.math.log1p(-held)
    return tf.sigmoid(logits / tf.constant(temperature, scores.dtype))
