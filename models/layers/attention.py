"""Attention over the steps within the length: for decoders, and as poolings.

``BahdanauAttention`` and ``LuongAttention`` weigh the steps of a sequence for a query that is
given; the poolings bring their own.  Weights are 0 in the padding and add up to 1 over the steps
within the length; what stands in the padding (NaN too) counts nowhere.
"""

from typing import Any, Literal

import keras
from keras import ops

from models.layers.sequence import LastPooling, step_mask, zero_padding

Score = Literal["dot", "general"]


def masked_softmax(scores, lengths):
    """Scores ``[batch, queries, time]`` to weights of that shape over the steps within the length.

    Computed in float32 at least, since a sum over many steps would lose digits in less.
    """
    precise = ops.cast(scores, keras.backend.result_type(scores.dtype, "float32"))
    inside = ops.swapaxes(step_mask(ops.swapaxes(scores, 1, 2), lengths), 1, 2)
    # Finite, so that no backend's gradient meets the difference of two infinities.
    precise = ops.where(inside, precise, ops.full_like(precise, -1e9))
    # Not Keras's softmax, which warns of a sequence of one step.
    raised = ops.exp(precise - ops.stop_gradient(ops.max(precise, axis=-1, keepdims=True)))
    raised = ops.where(inside, raised, ops.zeros_like(raised))
    return ops.cast(raised / ops.sum(raised, axis=-1, keepdims=True), scores.dtype)


def _check_units(units: int | None) -> None:
    if units is not None and units < 1:
        raise ValueError(f"units: {units} came; at least 1 is needed (None: as wide as the values)")


class _Attention(keras.layers.Layer):
    """What attention for a given query has in common; a subclass says keys and scores."""

    def keys(self, values, lengths):
        """What queries are compared with, ``[batch, time, units]``.

        Inside the call of another layer only: a decoder computes it once for a sequence and hands
        it to each step's call.
        """
        raise NotImplementedError

    def scores(self, queries, keys):
        """``[batch, queries, units]`` and keys to ``[batch, queries, time]``."""
        raise NotImplementedError

    def call(self, query, values, lengths, keys=None):
        values = zero_padding(values, lengths)
        keys = self.keys(values, lengths) if keys is None else keys
        single = len(query.shape) == 2
        queries = ops.expand_dims(query, 1) if single else query
        weights = masked_softmax(self.scores(queries, keys), lengths)
        weights = ops.cast(weights, values.dtype)
        context = ops.matmul(weights, values)
        if single:
            return ops.squeeze(context, 1), ops.squeeze(weights, 1)
        return context, weights

    def compute_output_shape(self, query_shape, values_shape, lengths_shape):
        return (*query_shape[:-1], values_shape[2]), (*query_shape[:-1], values_shape[1])


@keras.saving.register_keras_serializable(package="rondo")
class BahdanauAttention(_Attention):
    """Additive attention, ``v · tanh(W q + U k + b)`` (Bahdanau et al. 2015).

    https://arxiv.org/abs/1409.0473.

    Args:
        units: width of the layer in which query and step meet.

    Call arguments: query ``[batch, units]`` or ``[batch, queries, units]``, values
    ``[batch, time, units]``, lengths ``[batch]``, and ``keys`` of the method of that name, which
    are computed if left out.
    Returns: context ``[batch, (queries,) units]`` of the values, weights ``[batch, (queries,)
    time]``.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        _check_units(units)
        self.units = units
        self.query_projection = keras.layers.Dense(units, dtype=self.dtype_policy, name="query")
        self.key_projection = keras.layers.Dense(
            units, use_bias=False, dtype=self.dtype_policy, name="key"
        )
        self.score_projection = keras.layers.Dense(
            1, use_bias=False, dtype=self.dtype_policy, name="score"
        )

    def build(self, query_shape, values_shape, lengths_shape):
        self.query_projection.build(query_shape)
        self.key_projection.build(values_shape)
        self.score_projection.build((None, None, None, self.units))

    def keys(self, values, lengths):
        """Values ``[batch, time, ...]`` to ``[batch, time, units]``."""
        return self.key_projection(zero_padding(values, lengths))

    def scores(self, queries, keys):
        """``[batch, queries, ...]`` and keys to ``[batch, queries, time]``."""
        asked = ops.expand_dims(self.query_projection(queries), 2)  # [batch, queries, 1, units]
        met = ops.tanh(asked + ops.expand_dims(keys, 1))  # [batch, queries, time, units]
        return ops.squeeze(self.score_projection(met), -1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units}


@keras.saving.register_keras_serializable(package="rondo")
class LuongAttention(_Attention):
    """Multiplicative attention (Luong et al. 2015, https://arxiv.org/abs/1508.04025).

    Args:
        score: ``general`` is ``q · W k``; ``dot`` is ``q · k``, without weights, for a query as
            wide as the values.

    Call arguments and what is returned: as of ``BahdanauAttention``.

    Raises:
        ValueError: another score, or (when built) ``dot`` of different widths.
    """

    def __init__(self, score: Score = "general", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if score not in ("dot", "general"):
            raise ValueError(f"score: {score!r} came; allowed: dot, general")
        self.score = score
        self.key_projection: keras.layers.Dense | None = None

    def build(self, query_shape, values_shape, lengths_shape):
        if self.score == "general":
            self.key_projection = keras.layers.Dense(
                query_shape[-1], use_bias=False, dtype=self.dtype_policy, name="key"
            )
            self.key_projection.build(values_shape)
        elif query_shape[-1] != values_shape[-1]:
            raise ValueError(
                f"score: dot multiplies a query of width {query_shape[-1]} with values of width "
                f"{values_shape[-1]}; make them equal, or use score: general"
            )

    def keys(self, values, lengths):
        values = zero_padding(values, lengths)
        return values if self.key_projection is None else self.key_projection(values)

    def scores(self, queries, keys):
        return ops.matmul(queries, ops.swapaxes(keys, 1, 2))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"score": self.score}


@keras.saving.register_keras_serializable(package="rondo")
class SelfAttentionPooling(keras.layers.Layer):
    """Structured self-attention: several learnt views of a sequence (Lin et al. 2017).

    https://arxiv.org/abs/1703.03130, without the paper's penalty on heads that agree.  Each head
    weighs the steps by ``v_head · tanh(W h_t + b)``.

    Args:
        heads: how many weighted means stand side by side.
        units: width of the layer that all heads score from; as wide as the values if None.

    Call arguments: values ``[batch, time, units]``, lengths ``[batch]``.
    Returns: ``[batch, heads * units]``, the heads one after the other.
    """

    def __init__(self, heads: int = 4, units: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if heads < 1:
            raise ValueError(f"heads: {heads} came; at least 1 is needed")
        _check_units(units)
        self.heads = heads
        self.units = units

    def build(self, values_shape, lengths_shape):
        units = values_shape[-1] if self.units is None else self.units
        self.hidden = keras.layers.Dense(
            units, activation="tanh", dtype=self.dtype_policy, name="hidden"
        )
        self.hidden.build(values_shape)
        self.score = keras.layers.Dense(
            self.heads, use_bias=False, dtype=self.dtype_policy, name="score"
        )
        self.score.build((*values_shape[:2], units))

    def attend(self, values, lengths):
        """The pooled vectors ``[batch, heads * units]``, the weights ``[batch, heads, time]``."""
        values = zero_padding(values, lengths)
        scores = ops.swapaxes(self.score(self.hidden(values)), 1, 2)
        weights = ops.cast(masked_softmax(scores, lengths), values.dtype)
        vectors = ops.matmul(weights, values)  # [batch, heads, units]
        return ops.reshape(vectors, (-1, self.heads * values.shape[-1])), weights

    def call(self, values, lengths):
        return self.attend(values, lengths)[0]

    def compute_output_shape(self, values_shape, lengths_shape):
        return (values_shape[0], self.heads * values_shape[2])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"heads": self.heads, "units": self.units}


@keras.saving.register_keras_serializable(package="rondo")
class AttentionPooling(SelfAttentionPooling):
    """Additive attention with a learnt query (Yang et al. 2016, https://aclanthology.org/N16-1174).

    Args:
        units: width of the layer that scores the steps; as wide as the values if None.

    Call arguments: values ``[batch, time, units]``, lengths ``[batch]``.
    Returns: ``[batch, units]``.
    """

    def __init__(self, units: int | None = None, **kwargs: Any) -> None:
        super().__init__(heads=1, units=units, **kwargs)

    def attend(self, values, lengths):
        """The pooled vector ``[batch, units]`` and the weights ``[batch, time]``."""
        vector, weights = super().attend(values, lengths)
        return vector, ops.squeeze(weights, 1)

    def get_config(self) -> dict[str, Any]:
        return {key: value for key, value in super().get_config().items() if key != "heads"}


class _LastStatePooling(keras.layers.Layer):
    """Attention whose query is the last step within the length."""

    attention: _Attention

    def build(self, values_shape, lengths_shape):
        query_shape = (values_shape[0], values_shape[2])
        self.attention.build(query_shape, values_shape, lengths_shape)

    def attend(self, values, lengths):
        """The pooled vector ``[batch, units]`` and the weights ``[batch, time]``."""
        query = LastPooling(dtype=self.dtype_policy)(values, lengths)
        return self.attention(query, values, lengths)

    def call(self, values, lengths):
        return self.attend(values, lengths)[0]

    def compute_output_shape(self, values_shape, lengths_shape):
        return (values_shape[0], values_shape[2])


@keras.saving.register_keras_serializable(package="rondo")
class BahdanauPooling(_LastStatePooling):
    """Additive attention, asked by the last step within the length; see ``BahdanauAttention``.

    Args:
        units: width of the layer in which query and step meet; as wide as the values if None.

    Call arguments: values ``[batch, time, units]``, lengths ``[batch]``.
    Returns: ``[batch, units]``.
    """

    def __init__(self, units: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        _check_units(units)
        self.units = units

    def build(self, values_shape, lengths_shape):
        units = values_shape[-1] if self.units is None else self.units
        self.attention = BahdanauAttention(units, dtype=self.dtype_policy, name="attention")
        super().build(values_shape, lengths_shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units}


@keras.saving.register_keras_serializable(package="rondo")
class LuongPooling(_LastStatePooling):
    """Multiplicative attention, asked by the last step within the length; see ``LuongAttention``.

    Args:
        score: ``general`` or ``dot``.

    Call arguments: values ``[batch, time, units]``, lengths ``[batch]``.
    Returns: ``[batch, units]``.
    """

    def __init__(self, score: Score = "general", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.attention = LuongAttention(score, dtype=self.dtype_policy, name="attention")

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"score": self.attention.score}
