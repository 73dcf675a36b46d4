"""From what the network gives for each step to one label a step, with its probability.

With ``head: softmax`` the network gives probabilities ``[batch, time, labels]``, with ``head: crf``
a packed chain (see ``models.layers.crf``).  Where answers keep to a scheme, the best labelling is
looked for among those that the scheme allows, and the probabilities of a chain are shares of them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from models.layers.crf import Chain, best_labels, marginals, stretch_logs, unpacked
from models.tasks.tag import Options
from models.tasks.tag.spans import Allowed, allowed

SMALLEST = 1e-30
"""Stands for a probability of zero, whose logarithm would be none."""


def permitted(options: Options, labels: Sequence[str]) -> Allowed | None:
    """What the answers may be; None where they may be anything."""
    if options.spans == "none" or not options.keeps_to_scheme:
        return None
    return allowed(labels, options.spans)


def packed_baseline(options: Options, shares: np.ndarray, shape: Any) -> Any:
    """Shares of labels as the network's answer to each step.

    Args:
        options: of the task.
        shares: float32 ``[labels]``.
        shape: ``[batch, time]``.
    """
    size = len(shares)
    rows, steps = shape[0], shape[1]
    if options.head == "softmax":
        return ops.broadcast_to(shares, (rows, steps, size))
    # No transition is better than another.
    emissions = ops.broadcast_to(np.log(shares), (rows, steps, size))
    return ops.concatenate([emissions, ops.zeros((rows, size + 2, size))], axis=1)


def chain_of(head: str, scores: Any, permitted: Allowed | None) -> Chain:
    """The network's scores as a chain, with nothing that is not permitted."""
    if head == "crf":
        chain = unpacked(scores)
    else:
        logs = ops.log(ops.maximum(ops.cast(scores, "float32"), SMALLEST))
        size = scores.shape[-1]
        chain = Chain(logs, ops.zeros((size, size)), ops.zeros((size,)), ops.zeros((size,)))
    if permitted is None:
        return chain
    return Chain(
        chain.emissions,
        chain.transitions + permitted.transitions,
        chain.starts + permitted.starts,
        chain.ends + permitted.ends,
    )


def decided(head: str, scores: Any, permitted: Allowed | None, lengths: Any) -> Any:
    """The labels answered, by their place, int32 ``[batch, time]``; anything in the padding."""
    if head == "softmax" and permitted is None:
        return ops.cast(ops.argmax(scores, axis=-1), "int32")
    return best_labels(chain_of(head, scores, permitted), lengths)


class Decided(NamedTuple):
    """An answer to each step; anything in the padding.

    Attributes:
        labels: by their place, int32 ``[batch, time]``.
        shares: probability of every label, float32 ``[batch, time, labels]``.
        first, last: float32 ``[batch, time]``; ``first`` at a step and ``last`` at a later one add
            up to the logarithm of the probability that all steps from one to the other have the
            labels answered.
    """

    labels: Any
    shares: Any
    first: Any
    last: Any


def decoded(head: str, scores: Any, permitted: Allowed | None, lengths: Any) -> Decided:
    """The labels with their probabilities; see ``decided``."""
    labels = decided(head, scores, permitted, lengths)
    if head == "softmax":
        # The steps' labels are independent of each other.
        own = ops.take_along_axis(scores, labels[:, :, None], axis=-1)[:, :, 0]
        logs = ops.log(ops.maximum(own, SMALLEST))
        summed = ops.cumsum(logs, axis=1)
        return Decided(labels, scores, logs - summed, summed)
    chain = chain_of(head, scores, permitted)
    found = marginals(chain, lengths)
    return Decided(labels, found.steps, *stretch_logs(chain, found, labels))
