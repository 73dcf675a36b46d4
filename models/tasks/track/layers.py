"""Layers of a tracker: what a turn says of each value, and how it changes what is believed.

Words are hashes, int32, 0 where there is none.  All weights that look at a value are shared by all
values of its slot, so that one never met in training is found as well as the others (delexicalised
features: Mrksic et al. 2015, https://arxiv.org/abs/1506.07190; an update that is learnt: Mrksic and
Vulic 2018, https://aclanthology.org/P18-2018/).
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from models.layers.hashed import shifted

SMALLEST = 1e-6
"""Below this, what is kept of a belief counts as this much."""


@keras.saving.register_keras_serializable(package="rondo")
class SlotEvidence(keras.layers.Layer):
    """What a turn says of each value of a slot.

    A value is named where one of the ways to say it stands in the words, and not within a longer
    way of the slot (``seven`` in ``seven thirty``).

    Call arguments: heard ``[batch, turns, phrases, words]`` and its weights ``[batch, turns,
    phrases]``; if the system's acts are known, ``[batch, turns, acts, words]``.
    Returns: features of each value ``[batch, turns, values, features]``, and of the slot ``[batch,
    turns, 4]``.

    Args:
        slot: the words of its name.
        ways: the words of each way to say a value, of at least one word.
        owners: the value that each way says.
        values: how many.
        marked: values with a feature of their own, since they are like no other.
        context_units: width of what is learnt of the words on either side.
        buckets: vectors of words on either side.
        **kwargs: of ``keras.layers.Layer``.
    """

    def __init__(
        self,
        slot: list[int],
        ways: list[list[int]],
        owners: list[int],
        values: int,
        marked: list[int],
        context_units: int,
        buckets: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.options = {
            "slot": slot,
            "ways": ways,
            "owners": owners,
            "values": values,
            "marked": marked,
            "context_units": context_units,
            "buckets": buckets,
        }
        # By their lengths: those of one length stand together.
        order = sorted(range(len(ways)), key=lambda way: len(ways[way]))
        self.ways = [ways[way] for way in order]
        self.lengths = np.array([len(way) for way in self.ways], np.int32)
        self.of_value = np.zeros((len(ways), values), np.float32)
        self.of_value[np.arange(len(ways)), [owners[way] for way in order]] = 1.0
        self.left = self.right = None
        if context_units and ways:
            self.left = keras.layers.Embedding(buckets, context_units, "zeros", name="left")
            self.right = keras.layers.Embedding(buckets, context_units, "zeros", name="right")

    def build(self, heard_shape, weights_shape, system_shape=None):
        for side in (self.left, self.right):
            if side is not None:
                side.build(heard_shape)
        self.built = True

    def call(self, heard, weights, system=None):
        weights = ops.cast(weights, self.compute_dtype)
        begins = self.named(heard)
        named = self._by_value(ops.any(begins, axis=3))
        weighed = ops.einsum("btp,btpv->btv", weights, named)
        phrases = ops.cast(ops.any(heard > 0, axis=-1), self.compute_dtype)
        share = ops.sum(named, axis=2) / ops.maximum(ops.sum(phrases, axis=2), 1.0)[..., None]
        features = [weighed, named[:, :, 0], share]
        slot = [ops.max(weighed, axis=-1), ops.sum(weighed, axis=-1)]
        if system is None:
            slot += [ops.zeros_like(slot[0])] * 2
        else:
            said, with_slot, asked = self._said(system)
            features += [said, with_slot, with_slot * weighed]
            slot += [asked, ops.max(with_slot, axis=-1)]
        marks = np.eye(self.options["values"], dtype=np.float32)[self.options["marked"]]
        features += [ops.zeros_like(weighed) + ops.cast(mark, weighed.dtype) for mark in marks]
        features = ops.stack(features, axis=-1)
        if self.left is not None:
            context = self._context(heard, begins, weights)
            features = ops.concatenate([features, context], axis=-1)
        return features, ops.stack(slot, axis=-1)

    def named(self, words):
        """Where each way begins: bool ``[batch, turns, phrases, words, ways]``."""
        longest = int(self.lengths.max(initial=1))
        found = ops.ones((*words.shape[2:], len(self.ways)), "bool")
        following = [shifted(words, place) for place in range(longest)]
        for place in range(longest):
            wanted = [way[place] if place < len(way) else -1 for way in self.ways]
            wanted = np.array(wanted, np.int32)
            same = following[place][..., None] == wanted
            found = ops.logical_and(found, ops.logical_or(same, wanted < 0))
        if longest < 2:
            return found
        # How long the longest way is that begins at a word; and so from the words before it.
        reach = ops.max(ops.where(found, self.lengths, 0), axis=-1)
        within = []
        for length in range(1, longest + 1):
            longer = [
                ops.logical_and(
                    shifted(reach, -back) > length, shifted(reach, -back) - back >= length
                )
                for back in range(longest)
            ]
            within.append(ops.any(ops.stack(longer, axis=-1), axis=-1))
        within = ops.take(ops.stack(within, axis=-1), self.lengths - 1, axis=-1)
        return ops.logical_and(found, ops.logical_not(within))

    def _by_value(self, ways):
        """``[..., ways]`` to 1 where a value is named, ``[..., values]``."""
        named = ops.matmul(ops.cast(ways, self.compute_dtype), self.of_value)
        return ops.minimum(named, 1.0)

    def _said(self, system):
        """Of the system's acts: values named ``[batch, turns, values]``, those named together with
        the slot, and ``[batch, turns]`` whether the slot is named alone.
        """
        values = self._by_value(ops.any(self.named(system), axis=3))
        words = [ops.any(system == word, axis=-1) for word in self.options["slot"]]
        slot = ops.all(ops.stack(words, axis=-1), axis=-1)
        with_slot = values * ops.cast(slot, values.dtype)[..., None]
        alone = ops.logical_and(slot, ops.sum(values, axis=-1) == 0)
        asked = ops.cast(ops.any(alone, axis=-1), values.dtype)
        return ops.max(values, axis=2), ops.max(with_slot, axis=2), asked

    def _context(self, heard, begins, weights):
        """Vectors of the words beside each value, weighed: ``[batch, turns, values, units]``."""
        buckets = self.options["buckets"]
        counted = ops.cast(begins, self.compute_dtype) * weights[..., None, None]
        before = self.left(ops.mod(shifted(heard, -1), buckets))
        left = ops.einsum("btpwk,btpwu->btku", counted, before)
        right = []
        for length in sorted(set(self.lengths.tolist())):
            ways = np.flatnonzero(self.lengths == length)
            behind = self.right(ops.mod(shifted(heard, length), buckets))
            of_length = counted[..., int(ways[0]) : int(ways[-1]) + 1]
            right.append(ops.einsum("btpwk,btpwu->btku", of_length, behind))
        sides = ops.concatenate([left, ops.concatenate(right, axis=2)], axis=-1)
        return ops.einsum("btku,kv->btvu", sides, self.of_value)

    def compute_output_shape(self, heard_shape, weights_shape, system_shape=None):
        features = 3 + (3 if system_shape is not None else 0) + len(self.options["marked"])
        features += 2 * self.options["context_units"] if self.ways else 0
        return (*heard_shape[:2], self.options["values"], features), (*heard_shape[:2], 4)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.options}


@keras.saving.register_keras_serializable(package="rondo")
class SlotUpdate(keras.layers.Layer):
    """What a turn makes of a slot: keep what was believed, or one of the values.

    Call arguments: features of values ``[batch, turns, values, features]``, of the slot ``[batch,
    turns, n]``, the context of the dialog ``[batch, turns, units]`` and the turn ``[batch, turns,
    units]``.
    Returns: probabilities ``[batch, turns, 1 + values]``: to keep, and of each value.

    Args:
        units: of the hidden layer that all values share.
        lexical: the first values, as many, have weights of their own for the turn.
        **kwargs: of ``keras.layers.Layer``.
    """

    def __init__(self, units: int, lexical: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.lexical = units, lexical
        self.of_value = keras.layers.Dense(units, name="of_value")
        self.of_dialog = keras.layers.Dense(units, use_bias=False, name="of_dialog")
        self.score = keras.layers.Dense(1, name="score")
        self.keep = keras.layers.Dense(1, name="keep")
        self.own = None
        if lexical:
            self.own = keras.layers.Dense(lexical, kernel_initializer="zeros", name="own")

    def build(self, values_shape, slot_shape, context_shape, turn_shape):
        beside = (*context_shape[:2], context_shape[2] + slot_shape[2])
        self.of_value.build(values_shape)
        self.of_dialog.build(beside)
        self.score.build((*values_shape[:3], self.units))
        self.keep.build(beside)
        if self.own is not None:
            self.own.build(turn_shape)
        self.built = True

    def call(self, values, slot, context, turn):
        beside = ops.concatenate([context, slot], axis=-1)
        hidden = ops.relu(self.of_value(values) + self.of_dialog(beside)[:, :, None, :])
        scores = self.score(hidden)[..., 0]
        if self.own is not None:
            rest = values.shape[2] - self.lexical
            scores = scores + ops.pad(self.own(turn), [[0, 0], [0, 0], [0, rest]])
        return ops.softmax(ops.concatenate([self.keep(beside), scores], axis=-1), axis=-1)

    def compute_output_shape(self, values_shape, slot_shape, context_shape, turn_shape):
        return (*values_shape[:2], 1 + values_shape[2])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "lexical": self.lexical}


@keras.saving.register_keras_serializable(package="rondo")
class Believed(keras.layers.Layer):
    """What is believed of a slot after each turn: what was kept, and what is new.

    ``b(t) = keep(t) b(t - 1) + new(t)``, turn by turn, so that a long dialog takes no more room
    than its turns.

    Call arguments: updates ``[batch, turns, 1 + values]``.
    Returns: ``[batch, turns, values]``, which sum to 1.

    Args:
        none: the value that is believed before the first turn.
        **kwargs: of ``keras.layers.Layer``.
    """

    def __init__(self, none: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.none = none

    def call(self, updates):
        def turn(believed, update):
            believed = self.step(update, believed)
            return believed, believed

        before = ops.zeros_like(updates[:, 0, 1:]) + self.first(updates)
        _, found = ops.scan(turn, before, ops.transpose(updates, (1, 0, 2)))
        return ops.transpose(found, (1, 0, 2))

    def first(self, updates):
        """What is believed before the first turn, ``[values]``."""
        values = updates.shape[-1] - 1
        return ops.cast(np.eye(values, dtype=np.float32)[self.none], updates.dtype)

    def step(self, update, believed):
        """One turn: an update ``[batch, 1 + values]`` of ``[batch, values]``."""
        return ops.maximum(update[:, :1], SMALLEST) * believed + update[:, 1:]

    def compute_output_shape(self, updates_shape):
        return (*updates_shape[:2], updates_shape[2] - 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "none": self.none}
