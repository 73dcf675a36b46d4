"""Writes translations with a network, in the graph: beam search, of width 1 greedy."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from models.layers.decoder import START, AttentionDecoder, Read
from models.tasks.translate import Options
from models.tasks.translate.network import DECODER, encoder_of
from models.writing.beam import IMPOSSIBLE, beam_search

UNKNOWN = 1
ALIGNMENT = "alignment"


def answers(
    options: Options, network: keras.Model, inputs: Mapping[str, tf.Tensor]
) -> dict[str, tf.Tensor]:
    """What the network writes for what it reads, the best text first.

    Args:
        options: the task's options.
        network: the trained network.
        inputs: of the features, by name.

    Returns:
        ``tokens`` int32 ``[batch, n, steps]``, 0 behind the last piece; ``lengths`` int32
        ``[batch, n]``; ``scores`` and ``log_probabilities`` float32 ``[batch, n]``; ``alignment``
        float32 ``[batch, n, steps, time]``, how much each step of the source was looked at, all 0
        without attention.
    """
    assert options.source is not None, "the options are bound to their features"
    encoder, decoder = encoder_of(network, options.source), network.get_layer(DECODER)
    found = encoder({name: inputs[name] for name in encoder.input}, training=False)
    # Memory and keys are the same for all texts of a row: they stay out of what is reordered.
    wide = {name: tf.repeat(part, options.beam_width, axis=0) for name, part in found.items()}
    read = decoder.read(wide["memory"], wide["lengths"], wide["summary"])
    rows = tf.shape(found["lengths"])[0]
    empty = tf.zeros(tf.shape(found["memory"])[:2])
    written = beam_search(
        _stepper(decoder, read, options.copy_unknown, tf.repeat(empty, options.beam_width, axis=0)),
        decoder.begin(rows),
        tf.fill([rows], START),
        START,
        options.target.max_length,
        options.beam_width,
        options.length_penalty,
        seen={ALIGNMENT: empty},
    )
    return {
        "tokens": written.tokens,
        "lengths": written.lengths,
        "scores": written.scores,
        "log_probabilities": written.log_probabilities,
        ALIGNMENT: written.seen[ALIGNMENT],
    }


def _stepper(decoder: AttentionDecoder, read: Read, unknown: bool, nowhere: tf.Tensor) -> Any:
    """The decoder's step as the search calls it; ``unknown`` pieces are written if so."""
    forbidden = tf.constant(
        [IMPOSSIBLE if piece == UNKNOWN and not unknown else 0.0
         for piece in range(decoder.pieces)]
    )  # fmt: skip

    def step(tokens: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any, dict[str, tf.Tensor]]:
        logits, state, weights = decoder.step(tokens, state, read)
        log_probabilities = tf.nn.log_softmax(logits + forbidden)
        seen = nowhere if weights is None else tf.cast(weights, tf.float32)
        return log_probabilities, state, {ALIGNMENT: seen}

    return step
