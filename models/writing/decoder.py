"""A recurrent decoder that writes piece by piece, looking at what it is to describe or translate.

The piece before is embedded and read by the recurrent layers; their output asks attention for the
steps of what was encoded; the output and what was found there become one vector, and that the
scores of the next piece (Luong et al. 2015, https://arxiv.org/abs/1508.04025, section 3).  With
``feeding`` that vector is read beside the next piece (section 3.3), so that the decoder knows where
it looked before; without it, all steps of training are computed at once.
"""

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
from keras import ops

from models.dotted import cell_module
from models.layers.attention import BahdanauAttention, LuongAttention
from models.layers.recurrence import State

ATTENTION = {
    "bahdanau": lambda units, **names: BahdanauAttention(units, **names),
    "luong": lambda units, **names: LuongAttention("general", **names),
}


class Memory(NamedTuple):
    """What attention looks at, rows in front.

    Attributes:
        values: ``[batch, time, units]``.
        lengths: int32 ``[batch]``.
        keys: of the values, ``[batch, time, units]``.
    """

    values: Any
    lengths: Any
    keys: Any


class DecoderState(NamedTuple):
    """What a decoder carries from piece to piece, rows in front.

    Attributes:
        layers: the states of each recurrent layer.
        fed: the vector of the step before, ``[batch, units]``; none without ``feeding``.
    """

    layers: tuple[State, ...]
    fed: tuple[Any, ...]


@keras.saving.register_keras_serializable(package="rondo")
class Decoder(keras.layers.Layer):
    """Writes a text; in training, all steps of texts that are given.

    Args:
        scored_ids: how many ids can be written, from 0 on.
        fed_ids: how many can be read.
        cell: recurrent cell, by name or dotted path (see ``models.cells``).
        units: width of the recurrent layers and of what the scores are computed from.
        layers: recurrent layers, one on top of the other.
        embedding_size: width of the embedding of pieces.
        attention: ``bahdanau``, ``luong`` (general) or None.
        feeding: whether the vector of a step is read beside the next piece.
        dropout: share of that vector dropped before the scores.
        cell_options: of the cell's ``layer``.

    Call arguments: ``fed`` int32 ``[batch, steps]``, the piece before each; then, where there are
    such, ``vector`` ``[batch, width]``, read before the first piece, and the ``values``
    ``[batch, time, width]`` and ``lengths`` ``[batch]`` of what is looked at.
    Returns: logits float32 ``[batch, steps, scored_ids]``.

    Raises:
        ValueError: the cell is not recurrent, or drops out its state in a decoder with ``feeding``;
            attention without values, or values without attention.
    """

    def __init__(
        self,
        scored_ids: int,
        fed_ids: int,
        cell: str = "gru",
        units: int = 64,
        layers: int = 1,
        embedding_size: int = 64,
        attention: str | None = "bahdanau",
        feeding: bool = False,
        dropout: float = 0.0,
        cell_options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.scored_ids, self.fed_ids, self.units = scored_ids, fed_ids, units
        self.cell, self.cell_options = cell, dict(cell_options or {})
        self.attention_kind, self.feeding, self.dropout = attention, feeding, dropout
        if feeding and self.cell_options.get("recurrent_dropout"):
            raise ValueError(
                "recurrent_dropout with feeding, whose steps are computed one by one (leave one of "
                "them out)"
            )
        self.embedding = keras.layers.Embedding(fed_ids, embedding_size, name="embedding")
        module = importlib.import_module(cell_module(cell))
        self.recurrent = [
            module.layer(units, f"recurrent_{index}", **self.cell_options)
            for index in range(layers)
        ]
        if not self.recurrent or not all(hasattr(layer, "cell") for layer in self.recurrent):
            raise ValueError(
                f"cell: {cell} and layers: {layers} keep nothing from piece to piece (take a "
                "recurrent cell, and one layer at least)"
            )
        self.attention = (
            None if attention is None else ATTENTION[attention](units, name="attention")
        )
        self.joined = keras.layers.Dense(units, "tanh", name="joined")
        self.dropped = keras.layers.Dropout(dropout, name="dropped")
        self.scored = keras.layers.Dense(scored_ids, dtype="float32", name="scored")
        self.read_first: keras.layers.Dense | None = None

    def build(self, fed_shape, vector_shape=None, values_shape=None, lengths_shape=None):
        if (values_shape is None) != (self.attention is None):
            raise ValueError(
                f"attention: {self.attention_kind} "
                + ("without values to look at" if values_shape is None else "with values")
            )
        read = self.embedding.output_dim + (self.units if self.feeding else 0)
        self.embedding.build(fed_shape)
        for layer in self.recurrent:
            layer.build((None, None, read))
            read = self.units
        if vector_shape is not None:
            self.read_first = keras.layers.Dense(
                self.embedding.output_dim, "tanh", name="read_first"
            )
            self.read_first.build(vector_shape)
        found = 0
        if self.attention is not None:
            self.attention.build((None, None, self.units), values_shape, lengths_shape)
            found = values_shape[-1]
        self.joined.build((None, None, self.units + found))
        self.scored.build((None, None, self.units))
        self.built = True

    def call(self, fed, vector=None, values=None, lengths=None, training=False):
        memory = self.memory(values, lengths)
        state = self.start(ops.shape(fed)[0], vector, training)
        embedded = self.embedding(fed)  # [batch, steps, embedding_size]
        if self.feeding:
            vectors = self._one_by_one(embedded, state, memory, training)
        else:
            read = embedded
            for layer, states in zip(self.recurrent, state.layers, strict=True):
                read = layer(read, initial_state=states, training=training)
            vectors, _ = self._found(read, memory)
        return self.scored(self.dropped(vectors, training=training))

    def compute_output_spec(self, fed, vector=None, values=None, lengths=None, training=False):
        return keras.KerasTensor((*fed.shape, self.scored_ids), "float32")

    def _one_by_one(self, embedded, state: DecoderState, memory: Memory | None, training: bool):
        def step(state, piece):
            _, _, state = self._read(piece, state, memory, training)
            return state, state  # Keras wants outputs of the form of the state.

        _, states = ops.scan(step, state, ops.transpose(embedded, (1, 0, 2)))
        return ops.transpose(states.fed[0], (1, 0, 2))

    def memory(self, values, lengths) -> Memory | None:
        """What a text is written of, prepared once for all of its steps; None without attention.

        Args:
            values: ``[batch, time, width]``, or None.
            lengths: ``[batch]``, or None.
        """
        if self.attention is None:
            return None
        return Memory(values, lengths, self.attention.keys(values, lengths))

    def start(self, rows, vector=None, training: bool = False) -> DecoderState:
        """The state before the first piece.

        Args:
            rows: how many.
            vector: ``[batch, width]``; a step that is read before the first piece.
            training: whether it is.
        """
        layers = tuple(_states(layer.cell.get_initial_state(rows)) for layer in self.recurrent)
        fed = (ops.zeros((rows, self.units), self.compute_dtype),) if self.feeding else ()
        state = DecoderState(layers, fed)
        if vector is None:
            return state
        _, state = self._recurrent_step(self.read_first(vector), state, training)
        return state

    def step(self, tokens, state: DecoderState, memory: Memory | None):
        """One piece further, as a text is written.

        Args:
            tokens: the pieces before, int32 ``[batch]``.
            state: see ``start``.
            memory: see ``memory``.

        Returns:
            logits float32 ``[batch, scored_ids]``, the new state, and the weights of what was
            looked at ``[batch, time]`` (None without attention).
        """
        weights, vector, state = self._read(self.embedding(tokens), state, memory, False)
        return self.scored(vector), state, weights

    def _read(self, piece, state: DecoderState, memory: Memory | None, training: bool):
        output, state = self._recurrent_step(piece, state, training)
        vector, weights = self._found(output, memory)
        return weights, vector, state._replace(fed=(vector,)) if self.feeding else state

    def _recurrent_step(self, read, state: DecoderState, training: bool):
        if state.fed:
            read = ops.concatenate([read, *state.fed], axis=-1)
        found = []
        for layer, states in zip(self.recurrent, state.layers, strict=True):
            read, states = layer.cell(read, states, training=training)
            found.append(_states(states))
        return read, state._replace(layers=tuple(found))

    def _found(self, output, memory: Memory | None):
        """The vectors that scores are computed from, ``[..., units]``, and attention's weights."""
        if memory is None:
            return self.joined(output), None
        found, weights = self.attention(output, memory.values, memory.lengths, keys=memory.keys)
        return self.joined(ops.concatenate([output, found], axis=-1)), weights

    def get_config(self) -> dict[str, Any]:
        own = {
            "scored_ids": self.scored_ids,
            "fed_ids": self.fed_ids,
            "cell": self.cell,
            "units": self.units,
            "layers": len(self.recurrent),
            "embedding_size": self.embedding.output_dim,
            "attention": self.attention_kind,
            "feeding": self.feeding,
            "dropout": self.dropout,
            "cell_options": self.cell_options,
        }
        return {**super().get_config(), **own}


def _states(states) -> State:
    return list(states) if isinstance(states, list | tuple) else [states]
