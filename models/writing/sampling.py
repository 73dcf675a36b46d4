"""Draws texts from a decoder, with temperature, top-k and nucleus (Holtzman et al. 2020,
https://arxiv.org/abs/1904.09751), in the graph.

What is drawn for a row depends on its own numbers and seed alone, not on the rows beside it.
"""

import tensorflow as tf

from models.writing.beam import State, Step, Written


def sample(
    step: Step,
    state: State,
    first: tf.Tensor,
    end: int | None,
    steps: int,
    temperature: tf.Tensor,
    top_k: tf.Tensor,
    top_p: tf.Tensor,
    seed: tf.Tensor,
    limits: tf.Tensor | None = None,
) -> Written:
    """Writes one text a row.

    Args:
        step: the decoder's; what it sees is not kept.
        state: before the first step, ``[batch, ...]``.
        first: what the decoder is fed first, int32 ``[batch]``.
        end: the piece that ends a text; None if none does.
        steps: pieces of a text at most, at least 1.
        temperature: float32 ``[batch]``: below 1 sharpens, 0 takes the likeliest piece.
        top_k: int32 ``[batch]``, how many of the likeliest pieces are drawn from; 0 for all.
        top_p: float32 ``[batch]``: of the likeliest pieces, so many are drawn from as it takes to
            reach this probability; 1 for all.
        seed: int32 ``[batch]``.
        limits: of each row, pieces at most, int32 ``[batch]``.

    Returns:
        with ``n`` of 1; its scores are log-probabilities by the decoder, before what is set here.
    """
    batch = tf.shape(first)[0]
    limits = tf.fill([batch], steps) if limits is None else tf.minimum(limits, steps)
    # Drawn row by row, so that a row's numbers are the same in any batch.
    uniform = tf.map_fn(
        lambda own: tf.random.stateless_uniform([steps], tf.stack([own, 0])),
        seed,
        fn_output_signature=tf.TensorSpec([steps], tf.float32),
    )
    filler = 0 if end is None else end

    def go_on(place, state, last, tokens, lengths, ended, total):
        log_probabilities, state, _ = step(last, state)
        piece = _drawn(log_probabilities, temperature, top_k, top_p, uniform[:, place])
        over = ended | (lengths >= limits)
        piece = tf.where(over, filler, piece)
        of_piece = tf.gather(log_probabilities, piece, batch_dims=1)
        total += tf.where(over, 0.0, of_piece)
        ended = over if end is None else over | (piece == end)
        lengths += tf.cast(~ended, tf.int32)
        tokens = tf.where(tf.range(steps) == place, piece[:, None], tokens)
        return place + 1, state, piece, tokens, lengths, ended, total

    def more(place, state, last, tokens, lengths, ended, total):
        return (place < steps) & ~tf.reduce_all(ended)

    carried = (
        tf.constant(0),
        state,
        first,
        tf.fill([batch, steps], filler),
        tf.zeros([batch], tf.int32),
        limits < 1,
        tf.zeros([batch], tf.float32),
    )
    invariants = tf.nest.map_structure(lambda part: tf.TensorShape([None, *part.shape[1:]])
                                       if part.shape.rank else part.shape, carried)  # fmt: skip
    found = tf.while_loop(more, go_on, carried, shape_invariants=invariants)
    _, _, _, tokens, lengths, _, total = found
    return Written(tokens[:, None], lengths[:, None], total[:, None], total[:, None], {})


def _drawn(
    log_probabilities: tf.Tensor,
    temperature: tf.Tensor,
    top_k: tf.Tensor,
    top_p: tf.Tensor,
    uniform: tf.Tensor,
) -> tf.Tensor:
    """A piece a row, int32 ``[batch]``, by the inverse of the distribution function."""
    size = log_probabilities.shape[-1]
    heat = tf.where(temperature > 0.0, temperature, 1.0)[:, None]
    ordered, pieces = tf.math.top_k(tf.nn.log_softmax(log_probabilities / heat), size)
    rank = tf.range(size)[None]
    kept = tf.where(top_k > 0, top_k, size)[:, None] > rank
    probabilities = tf.where(kept, tf.exp(ordered), 0.0)
    probabilities /= tf.reduce_sum(probabilities, -1, keepdims=True)
    before = tf.cumsum(probabilities, axis=-1, exclusive=True)
    # The first piece is always one of the nucleus.
    kept &= (before < top_p[:, None]) | (rank == 0)
    probabilities = tf.where(kept, probabilities, 0.0)
    reached = tf.cumsum(probabilities, axis=-1)
    aim = uniform[:, None] * reached[:, -1:]
    place = tf.reduce_sum(tf.cast((reached <= aim) & kept, tf.int32), -1)
    last_kept = tf.reduce_sum(tf.cast(kept, tf.int32), -1) - 1
    place = tf.where(temperature > 0.0, tf.minimum(place, last_kept), 0)
    return tf.gather(pieces, place, batch_dims=1)
