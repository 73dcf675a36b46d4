"""Linear-chain conditional random field (Lafferty et al. 2001): labels that know their neighbours.

A labelling of a sequence scores the sum of its labels' scores (*emissions*) and of a score for each
two labels in a row (*transitions*), for the first label (*starts*) and for the last one (*ends*);
its probability is the exponential of that, divided by the sum over all labellings.  The sums over
all labellings are those of the forward-backward algorithm, in logarithms; the best labelling is
Viterbi's (Rabiner 1989, https://doi.org/10.1109/5.18626).  https://repository.upenn.edu/cis_papers/159/

A network gives one tensor, *packed*: the emissions, and behind the steps a row of transitions for
each label, the starts and the ends.  All steps are standard ops in a loop over time, so that an
export holds them.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from models.layers.sequence import reversed_steps

NOTHING = -1e30
"""A logarithm of zero that is still a number."""
SMALLEST = 1e-37
"""Below it a sum of 32-bit exponentials counts as nothing.  Sums are taken relative to the largest
term of either factor, so that this is 85 nats below the best."""


class Chain(NamedTuple):
    """Scores of a batch of sequences, float32.

    Attributes:
        emissions: ``[batch, time, labels]``; those of the padding never count.
        transitions: ``[labels, labels]``, from the first to the second.
        starts: ``[labels]``.
        ends: ``[labels]``.
    """

    emissions: Any
    transitions: Any
    starts: Any
    ends: Any


def unpacked(packed: Any) -> Chain:
    """What ``ChainScores`` packed.

    Args:
        packed: ``[batch, time + labels + 2, labels]``.
    """
    labels = packed.shape[-1]
    packed = ops.cast(packed, "float32")
    # Every row has the same; of a batch without rows, zeros.
    shared = ops.sum(packed[:1, -labels - 2 :], axis=0)
    return Chain(packed[:, : -labels - 2], shared[:labels], shared[labels], shared[labels + 1])


@keras.saving.register_keras_serializable(package="rondo")
class ChainScores(keras.layers.Layer):
    """Packs emissions with the scores of the chain, which it learns; see the module.

    Call arguments: emissions ``[batch, time, labels]``.
    Returns: ``[batch, time + labels + 2, labels]``, float32.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})

    def build(self, emissions_shape):
        labels = emissions_shape[-1]
        # The last two rows are the starts and the ends.
        self.scores = self.add_weight(
            shape=(labels + 2, labels), initializer="zeros", name="transitions"
        )

    def call(self, emissions):
        shape = (ops.shape(emissions)[0], *self.scores.shape)
        return ops.concatenate([emissions, ops.broadcast_to(self.scores, shape)], axis=1)

    def compute_output_shape(self, emissions_shape):
        batch, time, labels = emissions_shape
        return (batch, None if time is None else time + labels + 2, labels)


def _log_product(vectors: Any, matrix: Any) -> Any:
    """``log(exp(vectors) @ exp(matrix))`` for ``[batch, labels]`` and ``[labels, labels]``."""
    largest = ops.stop_gradient(ops.max(vectors, axis=-1, keepdims=True))
    column = ops.stop_gradient(ops.max(matrix, axis=0, keepdims=True))
    sums = ops.matmul(ops.exp(vectors - largest), ops.exp(matrix - column))
    return ops.log(ops.maximum(sums, SMALLEST)) + largest + column


def _max_product(vectors: Any, matrix: Any) -> Any:
    return ops.max(vectors[:, :, None] + matrix[None], axis=1)


def _arriving(chain: Chain, product: Any) -> Any:
    """For each step and label, all labellings that come to it, ``[batch, time, labels]``.

    The label's own emission is not in it.
    """
    initial = ops.zeros_like(chain.emissions[:, 0]) + chain.starts

    def step(arriving, emissions):
        return product(arriving + emissions, chain.transitions), arriving

    return _over_time(step, initial, chain.emissions)


def _over_time(step: Any, initial: Any, values: Any) -> Any:
    """What ``step`` says at each step of values ``[batch, time, labels]``."""
    _, found = ops.scan(step, initial, ops.transpose(values, (1, 0, 2)))
    return ops.transpose(found, (1, 0, 2))


def _leaving(chain: Chain, lengths: Any) -> Any:
    """For each step and label, all labellings that go on from it, ``[batch, time, labels]``."""
    # Those that come to it from the end.
    back = Chain(
        reversed_steps(chain.emissions, lengths),
        ops.transpose(chain.transitions),
        chain.ends,
        chain.starts,
    )
    return reversed_steps(_arriving(back, _log_product), lengths)


def _at_last(values: Any, lengths: Any) -> Any:
    """The last step within the length, of ``[batch, time, labels]``."""
    return ops.take_along_axis(values, lengths[:, None, None] - 1, axis=1)[:, 0]


def log_partition(chain: Chain, lengths: Any) -> Any:
    """The logarithm of the sum over all labellings, ``[batch]``.

    Args:
        chain: the scores.
        lengths: steps of each sequence, int32 ``[batch]``, each >= 1.
    """
    last = _at_last(_arriving(chain, _log_product) + chain.emissions, lengths) + chain.ends
    return ops.logsumexp(last, axis=-1)


def restricted(chain: Chain, labels: Any) -> Chain:
    """The chain with the labellings that ``labels`` allow.

    Args:
        chain: the scores.
        labels: int ``[batch, time]``; below 0 any label is allowed.
    """
    classes = chain.emissions.shape[-1]
    known = ops.expand_dims(labels >= 0, -1)
    others = known & ops.not_equal(ops.expand_dims(labels, -1), ops.arange(classes))
    return chain._replace(emissions=ops.where(others, NOTHING, chain.emissions))


def log_likelihood(chain: Chain, labels: Any, lengths: Any) -> Any:
    """The logarithm of the labels' probability, ``[batch]``; unknown ones are summed over.

    Args:
        chain: the scores.
        labels: int ``[batch, time]``; below 0 where the label is not known.
        lengths: steps of each sequence, int32 ``[batch]``, each >= 1.
    """
    rows = ops.shape(chain.emissions)[0]
    # Both sums in one loop.
    emissions = ops.concatenate([restricted(chain, labels).emissions, chain.emissions], axis=0)
    both = log_partition(
        chain._replace(emissions=emissions), ops.concatenate([lengths, lengths], axis=0)
    )
    return both[:rows] - both[rows:]


class Marginals(NamedTuple):
    """Probabilities of labels, all others being summed over.

    Attributes:
        steps: of each label at each step, ``[batch, time, labels]``; they add up to 1 within the
            length.
        arriving: logarithm of the sum over what comes before a label at a step, ``[batch, time,
            labels]``.
        leaving: of the sum over what comes after it.
        log_partition: ``[batch]``.
    """

    steps: Any
    arriving: Any
    leaving: Any
    log_partition: Any


def marginals(chain: Chain, lengths: Any) -> Marginals:
    """By forward-backward; see ``log_partition`` for the arguments."""
    arriving = _arriving(chain, _log_product)
    leaving = _leaving(chain, lengths)
    total = ops.logsumexp(_at_last(arriving + chain.emissions, lengths) + chain.ends, axis=-1)
    # Not by the sum: each step's own makes up for rounding.
    steps = ops.softmax(arriving + chain.emissions + leaving, axis=-1)
    return Marginals(steps, arriving, leaving, total)


def stretch_logs(chain: Chain, found: Marginals, labels: Any) -> tuple[Any, Any]:
    """Logarithms of the probability that some steps in a row have given labels.

    Args:
        chain: the scores.
        found: their marginals.
        labels: int32 ``[batch, time]``.

    Returns:
        ``first`` and ``last``, ``[batch, time]``: ``first`` at a step and ``last`` at a later one
        add up to the logarithm for the stretch from one to the other.
    """

    def own(values: Any) -> Any:
        return ops.take_along_axis(values, labels[:, :, None], axis=2)[:, :, 0]

    emissions = own(chain.emissions)
    before = ops.take(chain.transitions, labels[:, :-1], axis=0)
    between = ops.take_along_axis(before, labels[:, 1:, None], axis=2)[:, :, 0]
    path = emissions + ops.concatenate([ops.zeros_like(emissions[:, :1]), between], axis=1)
    summed = ops.cumsum(path, axis=1)
    first = own(found.arriving) + emissions - summed - found.log_partition[:, None]
    return first, summed + own(found.leaving)


def best_labels(chain: Chain, lengths: Any) -> Any:
    """The most probable labelling, by Viterbi, int32 ``[batch, time]``; any label in the padding.

    See ``log_partition`` for the arguments.
    """
    best = reversed_steps(_arriving(chain, _max_product) + chain.emissions, lengths)
    into = ops.transpose(chain.transitions)

    def step(onwards, best):
        return ops.take(into, ops.argmax(best + onwards, axis=-1), axis=0), onwards

    onwards = _over_time(step, ops.zeros_like(best[:, 0]) + chain.ends, best)
    return ops.cast(ops.argmax(reversed_steps(best + onwards, lengths), axis=-1), "int32")


@keras.saving.register_keras_serializable(package="rondo")
class ChainShares(keras.layers.Layer):
    """The probability of each label at each step; see ``marginals``.

    Call arguments: packed chain ``[batch, time + labels + 2, labels]``, lengths ``[batch]``.
    Returns: ``[batch, time, labels]``.
    """

    def call(self, packed, lengths):
        return marginals(unpacked(packed), lengths).steps

    def compute_output_shape(self, packed_shape, lengths_shape):
        batch, time, labels = packed_shape
        return (batch, None if time is None else time - labels - 2, labels)
