"""The graph of a tagging task: head, loss, served outputs, statistics, baseline.

A label that the train split lacks does not count in the loss nor in what is shown while training.
The release judges every step.

The trivial baseline answers each step with the label frequencies of the train split, its label
being the most frequent one, and a sequence's own label likewise.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.asked import Asked
from models.features.analyzers import Analyzers, Learnt
from models.layers.crf import ChainScores, ChainShares
from models.layers.pooling import POOLINGS
from models.layers.sequence import Sequence as Steps
from models.options import LABEL
from models.tasks.names import UNKNOWN, Labels, frequencies
from models.tasks.tag import Options, judging, served
from models.tasks.tag.decoding import Decided, decoded, packed_baseline, permitted
from models.tasks.tag.watched import (
    ChainLoss,
    SequenceAccuracy,
    SequenceLoss,
    SpanF1,
    StepLoss,
    TokenAccuracy,
)

SEQUENCE_LABEL = f"{LABEL}.sequence"
"""Name of the transformed label of the sequence, of its vocabulary and of the network's output."""

statistics = judging.statistics
example_statistics = judging.example_statistics
summarise = judging.summarise
example_table = judging.example_table
table_row = judging.table_row


def preprocess(
    options: Options, raw: Mapping[str, tf.Tensor | tf.RaggedTensor], analyzers: Analyzers
) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    """Raw labels to their places in what was learnt.

    Args:
        options: the task's options.
        raw: string ``[batch, (time)]``, and ``[batch]`` of the sequence, by column.
        analyzers: what learns the labels from the train split.

    Returns:
        ``label`` int64 ``[batch, (time)]``, -2 for a label that was not learnt; of the sequence
        ``label.sequence`` int64 ``[batch]``, -1 for such.
    """
    ranks = analyzers.vocabulary(raw[options.label], LABEL, top_k=None)
    known = tf.where(ranks.values < 0, tf.constant(UNKNOWN, tf.int64), ranks.values)
    found = {LABEL: ranks.with_values(known)}
    if options.sequence_label:
        found[SEQUENCE_LABEL] = analyzers.vocabulary(
            raw[options.sequence_label], SEQUENCE_LABEL, top_k=None
        )
    return found


def label_names(options: Options, learnt: Learnt) -> list[str]:
    """The labels of the steps, in the order of their scores; behind them those of the sequence."""
    sequence = learnt.vocabulary(SEQUENCE_LABEL) if options.sequence_label else []
    return learnt.vocabulary(LABEL) + sequence


def head(options: Options, body: Steps, learnt: Learnt) -> Any:
    """Scores of the labels from the encoding of the steps.

    Args:
        options: the task's options.
        body: ``[batch, time, units]``.
        learnt: the label vocabularies.

    Returns:
        probabilities float32 ``[batch, time, labels]``, or a packed chain (see
        ``models.layers.crf``).  With a label of the sequence a dict of that, as ``label``, and of
        its probabilities, as ``label.sequence``, float32 ``[batch, labels]``.
    """
    classes = learnt.vocabulary_size(LABEL)
    if options.head == "softmax":
        dense = keras.layers.Dense(
            classes, activation="softmax", dtype="float32", name="tag.scores"
        )
        scores = dense(body.values)
    else:
        emissions = keras.layers.Dense(classes, dtype="float32", name="tag.emissions")
        scores = ChainScores(name="tag.scores")(emissions(body.values))
    if not options.sequence_label:
        return scores
    vector = POOLINGS[options.sequence_pooling or "max"](name="tag.sequence_vector")(*body)
    of_sequence = keras.layers.Dense(
        learnt.vocabulary_size(SEQUENCE_LABEL),
        activation="softmax",
        dtype="float32",
        name="tag.sequence_scores",
    )
    return {LABEL: scores, SEQUENCE_LABEL: of_sequence(vector)}


def probabilities(options: Options, network: keras.Model) -> keras.Model:
    """The network with the probabilities of the steps' labels for its output.

    Args:
        options: the task's options.
        network: whose output is that of ``head``.

    Returns:
        from the same inputs to float32 ``[batch, time, labels]``.
    """
    scores = network.output[LABEL] if options.sequence_label else network.output
    if options.head == "crf":
        first = f"{options.aligned[0]}_length"
        (lengths,) = (given for given in network.inputs if given.name == first)
        scores = ChainShares(name="tag.shares")(scores, lengths)
    return keras.Model({given.name: given for given in network.inputs}, scores)


def loss(options: Options, learnt: Learnt, labels: Labels | None) -> Any:
    """Minus the logarithm of the true labels' probability, in nats a step (and a sequence)."""
    steps = StepLoss() if options.head == "softmax" else ChainLoss()
    if not options.sequence_label:
        return steps
    sequence = SequenceLoss(weight=options.sequence_weight or 1.0)
    return {LABEL: steps, SEQUENCE_LABEL: sequence}


def training_metrics(options: Options, learnt: Learnt) -> Any:
    """What is shown while training, beside the loss; see ``options.training_metrics``."""
    labels = learnt.vocabulary(LABEL)
    of_steps = SpanF1 if options.spans != "none" else TokenAccuracy
    if not options.sequence_label:
        return [of_steps(options, labels)]
    return {LABEL: [of_steps(options, labels)], SEQUENCE_LABEL: [SequenceAccuracy()]}


def baseline(options: Options, labels: Iterable[Any], learnt: Learnt) -> dict[str, np.ndarray]:
    """Scores of the trivial baseline.

    Args:
        options: the task's options.
        labels: transformed labels of the train split: int64 ``[time]`` a row, or a dict of these
            and of the sequence's.
        learnt: holds the label vocabularies.

    Returns:
        ``label`` float32 ``[labels]``, and ``label.sequence`` where there is such: label
        frequencies, each label counted once more than it occurs.
    """
    names = (LABEL, SEQUENCE_LABEL) if options.sequence_label else (LABEL,)
    rows = [row if isinstance(row, dict) else {LABEL: row} for row in labels]
    return {
        name: frequencies((row[name] for row in rows), learnt.vocabulary_size(name))
        for name in names
    }


def baseline_scores(options: Options, baseline: Mapping[str, np.ndarray], asked: Asked) -> Any:
    """The baseline's answer to a batch, as the network would give it; see ``head``."""
    shape = tf.shape(asked.inputs[options.aligned[0]])[:2]
    scores = packed_baseline(options, baseline[LABEL], shape)
    if not options.sequence_label:
        return scores
    shares = baseline[SEQUENCE_LABEL]
    return {
        LABEL: scores,
        SEQUENCE_LABEL: tf.broadcast_to(tf.constant(shares), [shape[0], len(shares)]),
    }


def served_outputs(
    options: Options, scores: Any, labels: Sequence[str], asked: Asked
) -> dict[str, tf.Tensor]:
    """What a client gets.

    Args:
        options: the task's options.
        scores: see ``head``.
        labels: see ``label_names``.
        asked: the batch.

    Returns:
        ``labels`` string and their ``scores`` float32, ``[batch, time]``, right-padded with ``""``
        and 0, and the ``length`` of each row, int32 ``[batch]``; the spans, see
        ``models.tasks.tag.served``; ``sequence_label`` string and ``sequence_score`` float32,
        ``[batch]``.
    """
    answer, names, lengths = _answer(options, scores, labels, asked)
    found = _of_steps(answer, names, lengths)
    if options.spans != "none":
        found |= served.spans(options, answer, names, lengths, asked)
    return found | _of_sequence(options, scores, labels[len(names) :])


def judged_outputs(
    options: Options, scores: Any, labels: Sequence[str], asked: Asked
) -> dict[str, tf.Tensor]:
    """What ``example_statistics`` reads.

    Returns:
        the served outputs without the spans; ``names`` string ``[batch, labels]`` and
        ``all_scores`` float32 ``[batch, time, labels]``, and of the sequence's label
        ``sequence_names`` string and ``sequence_scores`` float32, ``[batch, labels]``.
    """
    answer, names, lengths = _answer(options, scores, labels, asked)
    rows = tf.shape(lengths)[0]
    found = _of_steps(answer, names, lengths) | {
        "names": tf.broadcast_to(tf.constant(names), [rows, len(names)]),
        "all_scores": answer.shares,
    }
    others = labels[len(names) :]
    found |= _of_sequence(options, scores, others)
    if options.sequence_label:
        found["sequence_names"] = tf.broadcast_to(tf.constant(list(others)), [rows, len(others)])
        found["sequence_scores"] = scores[SEQUENCE_LABEL]
    return found


def _answer(
    options: Options, scores: Any, labels: Sequence[str], asked: Asked
) -> tuple[Decided, list[str], tf.Tensor]:
    """The answers to the steps, the labels that these have, and the steps of each row."""
    of_steps = scores[LABEL] if options.sequence_label else scores
    names = list(labels[: of_steps.shape[-1]])
    lengths = asked.inputs[f"{options.aligned[0]}_length"]
    return decoded(options.head, of_steps, permitted(options, names), lengths), names, lengths


def _of_steps(answer: Decided, names: Sequence[str], lengths: tf.Tensor) -> dict[str, tf.Tensor]:
    mask = tf.sequence_mask(lengths, tf.shape(answer.labels)[1])
    shares = tf.gather(answer.shares, answer.labels, batch_dims=2)
    return {
        "labels": tf.where(mask, tf.gather(tf.constant(list(names)), answer.labels), ""),
        "scores": tf.where(mask, shares, 0.0),
        "length": lengths,
    }


def _of_sequence(options: Options, scores: Any, names: Sequence[str]) -> dict[str, tf.Tensor]:
    if not options.sequence_label:
        return {}
    return served.sequence_label(scores[SEQUENCE_LABEL], names)
