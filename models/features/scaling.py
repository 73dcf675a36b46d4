"""Scales numbers by what the train split shows, in the graph."""

import tensorflow as tf

from models.features.analyzers import Analyzers
from models.features.numeric import Scale


def scaled(
    values: tf.Tensor, name: str, scale: Scale, log1p: bool, masked: bool, analyzers: Analyzers
) -> tf.Tensor:
    """Numbers as the network reads them.

    Args:
        values: float32 ``[rows, depth]``, NaN where missing.
        name: under which what is learnt is kept.
        scale: see ``models.features.numeric.Options``.
        log1p: likewise.
        masked: whether to put beside the numbers whether there were any.
        analyzers: what learns.

    Returns:
        float32 ``[rows, depth]`` or, if masked, ``[rows, 2 * depth]``: 0 in place of NaN, and
        behind the numbers 1 for each that there was and 0 for each that was missing.
    """
    known = tf.logical_not(tf.math.is_nan(values))
    if log1p:
        values = tf.sign(values) * tf.math.log1p(tf.abs(values))
    if scale == "standard":
        values = analyzers.standardise(values, name)
    elif scale == "minmax":
        values = analyzers.rescale(values, name)
    if not masked:
        return values
    return tf.concat([tf.where(known, values, 0.0), tf.cast(known, tf.float32)], axis=-1)
