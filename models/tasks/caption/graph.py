"""The graph of a captioning task: teaching, writing by beam search, served outputs, baseline.

Id 0 stands for the end of a text and, where a decoder reads what is in front of the first piece,
for its start; 1 is the unknown piece, which is taught but never written, and from 2 the pieces
follow.  The trivial baseline writes the text that is the most frequent in the train split.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.asked import Asked
from models.export import network_inputs, received, sent_specs
from models.features.analyzers import Analyzers, Learnt
from models.features.sequences import UNKNOWN
from models.options import LABEL, FeatureOptions
from models.tasks.caption import Options, judging
from models.tasks.caption import network as networks
from models.tasks.caption.network import (
    DECODER,
    FED,
    LENGTHS,
    VALUES,
    VECTOR,
    encoder_of,
    grid_size,
)
from models.tasks.caption.watched import ExactMatch, PieceAccuracy, PieceLoss
from models.tasks.names import PADDING, Labels
from models.writing.beam import IMPOSSIBLE, Written, beam_search
from models.writing.text import joined, pieces, target_ids

END = 0

build = networks.build
statistics = judging.statistics
example_statistics = judging.example_statistics
summarise = judging.summarise


def preprocess(
    options: Options, raw: Mapping[str, tf.Tensor], analyzers: Analyzers
) -> dict[str, tf.RaggedTensor]:
    """Raw texts ``[batch]`` to ``{label: int64 [batch, (time)]}``, ids of their pieces from 1."""
    return dict(target_ids(options.target, raw[options.label], analyzers))


def label_names(options: Options, learnt: Learnt) -> list[str]:
    """The pieces that were learnt, by rank."""
    return learnt.vocabulary(LABEL)


def taught(
    options: Options, inputs: Mapping[str, tf.Tensor], labels: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """A padded batch as it is learnt from.

    Args:
        options: the task's options.
        inputs: the features', by name.
        labels: int ``[batch, time]``, -1 in the padding.

    Returns:
        the inputs with ``label.fed`` int32 ``[batch, time + 1]``, the piece before each; and the
        labels ``[batch, time + 1]`` with the end behind.
    """
    labels = tf.cast(labels, tf.int32)
    there = labels != PADDING
    fed = tf.pad(tf.maximum(labels, END), [[0, 0], [1, 0]], constant_values=END)
    lengths = tf.reduce_sum(tf.cast(there, tf.int32), axis=1)
    wide = tf.pad(labels, [[0, 0], [0, 1]], constant_values=PADDING)
    is_end = tf.range(tf.shape(wide)[1]) == lengths[:, None]
    return {**inputs, FED: fed}, tf.where(is_end, END, wide)


def loss(options: Options, learnt: Learnt, labels: Labels | None) -> keras.losses.Loss:
    """Cross-entropy in nats a piece."""
    return PieceLoss()


def training_metrics(options: Options, learnt: Learnt) -> list[keras.metrics.Metric]:
    """Exact match of greedy search, and accuracy by pieces."""
    return [ExactMatch(), PieceAccuracy()]


def written(
    options: Options, network: keras.Model, inputs: Mapping[str, tf.Tensor], width: int
) -> Written:
    """What the network writes of some rows.

    Args:
        options: the task's options.
        network: of ``build``.
        inputs: of the features, by name.
        width: of the search; 1 is greedy.

    Returns:
        texts ``[batch, width, steps]``; ``attention`` is seen, ``[batch, width, steps, places]``,
        where the decoder looks at places.
    """
    decoder = network.get_layer(DECODER)
    encoded = encoder_of(network)(dict(inputs), training=False)
    vector = encoded[VECTOR]
    rows = tf.shape(vector)[0]
    memory: Any = ()
    seen = {}
    if VALUES in encoded:
        memory = decoder.memory(encoded[VALUES], encoded[LENGTHS])
        seen = {"attention": tf.zeros_like(encoded[VALUES][:, :, 0])}

    def step(tokens: tf.Tensor, carried: Any) -> tuple[tf.Tensor, Any, dict[str, tf.Tensor]]:
        state, looked_at = carried
        logits, state, weights = decoder.step(tokens, state, looked_at or None)
        unknown = tf.range(logits.shape[-1]) == UNKNOWN
        scores = tf.nn.log_softmax(tf.where(unknown, IMPOSSIBLE, logits))
        return scores, (state, looked_at), {"attention": weights} if seen else {}

    return beam_search(
        step,
        (decoder.start(rows, vector), memory),
        tf.fill([rows], END),
        END,
        options.target.max_length,
        min(width, decoder.scored_ids),
        options.length_penalty,
        seen=seen,
    )


def answers(
    options: Options, network: keras.Model, inputs: Mapping[str, tf.Tensor]
) -> dict[str, tf.Tensor]:
    """The best texts of each row; see ``scores_of``."""
    return scores_of(options, network, written(options, network, inputs, options.beam_width))


def scores_of(options: Options, network: keras.Model, found: Written) -> dict[str, tf.Tensor]:
    """What was written, by name, each with the rows in front.

    Returns:
        ``label``, the pieces int32 ``[batch, n, steps]``; ``lengths`` ``[batch, n]``, ``scores``
        and ``log_probabilities`` of each; and, where the decoder looks at places, ``attention``
        of the best, ``[batch, steps, rows, columns]``, with pictures in front of the rows in a
        clip.
    """
    scores = {
        LABEL: found.tokens,
        "lengths": found.lengths,
        "scores": found.scores,
        "log_probabilities": found.log_probabilities,
    }
    if found.seen:
        weights = found.seen["attention"][:, 0]
        rows, columns = grid_size(network, str(options.image))
        shape = tf.shape(weights)
        clip = any(layer.name == f"{options.image}.time" for layer in network.layers)
        frames = [shape[2] // (rows * columns)] if clip else []
        scores["attention"] = tf.reshape(weights, [shape[0], shape[1], *frames, rows, columns])
    return scores


def baseline(
    options: Options, labels: Iterable[np.ndarray], learnt: Learnt
) -> dict[str, np.ndarray]:
    """The most frequent text of the train split, int32 ``[pieces]``."""
    counts = Counter(tuple(int(piece) for piece in row if piece >= 0) for row in labels)
    # Of equally frequent ones the first in order, whatever order the rows are in.
    best = min(counts, key=lambda text: (-counts[text], text))
    return {LABEL: np.array(best, np.int32)}


def baseline_scores(
    options: Options, baseline: Mapping[str, np.ndarray], asked: Asked
) -> dict[str, tf.Tensor]:
    """The same text for each row."""
    text = tf.constant(baseline[LABEL], tf.int32)
    return {
        LABEL: tf.tile(text[None, None], [asked.rows, 1, 1]),
        "lengths": tf.fill([asked.rows, 1], tf.size(text)),
    }


def served_outputs(
    options: Options, scores: Mapping[str, tf.Tensor], labels: Sequence[str], asked: Asked
) -> dict[str, tf.Tensor]:
    """What a client gets.

    Returns:
        ``text`` string ``[batch]``, its ``score`` and ``log_probability`` ``[batch]``, and
        ``stopped``, ``end`` or ``limit``; ``texts`` and ``scores`` ``[batch, n]``, the best first;
        ``pieces`` of the best, string ``[batch, steps]``, ``""`` in the padding, and ``length``
        ``[batch]``; ``attention``, see ``scores_of``, 0 in the padding.
    """
    names = pieces(scores[LABEL], labels)
    texts = joined(options.target, names, scores["lengths"])
    length = scores["lengths"][:, 0]
    outputs = {
        "text": texts[:, 0],
        "score": scores["scores"][:, 0],
        "log_probability": scores["log_probabilities"][:, 0],
        "stopped": tf.where(length < options.target.max_length, "end", "limit"),
        "texts": texts,
        "scores": scores["scores"],
        "pieces": names[:, 0],
        "length": length,
    }
    if "attention" in scores:
        outputs["attention"] = scores["attention"]
    return outputs


def judged_outputs(
    options: Options, scores: Mapping[str, tf.Tensor], labels: Sequence[str], asked: Asked
) -> dict[str, tf.Tensor]:
    """The best ``text`` of each row, string ``[batch]``."""
    # `rondo compare` has kept all scores as numbers of one kind.
    best = tf.cast(scores[LABEL][:, 0], tf.int32)
    lengths = tf.cast(scores["lengths"][:, 0], tf.int32)
    return {"text": joined(options.target, pieces(best, labels), lengths)}


def endpoints(
    options: Options,
    network: keras.Model,
    features: Mapping[str, FeatureOptions],
    labels: Sequence[str],
    transform: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]],
    calibration: Mapping[str, np.ndarray],
) -> dict[str, tuple[Callable[..., dict[str, tf.Tensor]], list[Any]]]:
    """``greedy``, which answers as ``serving_default`` does, faster and with one text; nothing
    where that is greedy itself.
    """
    if options.beam_width == 1:
        return {}
    specs: dict[str, tf.TensorSpec] = {}
    for name, feature in features.items():
        specs |= sent_specs(name, feature.raw)

    def greedy(sent: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        raw = {name: received(name, feature.raw, sent) for name, feature in features.items()}
        inputs = network_inputs(transform(dict(raw)))
        found = scores_of(options, network, written(options, network, inputs, 1))
        return served_outputs(options, found, labels, Asked(inputs, raw))

    return {"greedy": (greedy, [specs])}
