"""A recurrent decoder: writes one sequence while it looks at another.

After each step of the cell the attention weighs the steps of the sequence that is read, and what
it found is joined with the cell's output, ``tanh(W [h; c])``, which the scores of the pieces are
taken from (Luong et al. 2015, https://arxiv.org/abs/1508.04025).  Since no step's cell waits for
the attention of the step before, all steps of a text that is known are computed at once; with
``input_feeding`` (section 3.3 of the same) each cell also reads what was joined a step before, and
the steps go one by one.

What stands for the whole sequence, one vector, is added to the embedding of the start, which the
first step reads; so any cell can be used, whatever its states are.  Without attention that same
vector stands beside each step (Cho et al. 2014, https://arxiv.org/abs/1406.1078).

Scheduled sampling (Bengio et al. 2015, https://arxiv.org/abs/1506.03099) feeds some steps what the
decoder itself would have written.  Without input feeding that is taken from a first pass over the
known text (Duckworth et al. 2019, https://arxiv.org/abs/1906.04331).
"""

import importlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import keras
from keras import ops

from models.dotted import cell_module
from models.layers.attention import BahdanauAttention, LuongAttention
from models.layers.sequence import zero_padding

Attention = Literal["luong", "bahdanau", "none"]
START = 0
"""The id that is fed first, and that is written at the end."""


class Read(NamedTuple):
    """What a decoder looks at.

    Attributes:
        memory: ``[batch, time, units]``.
        lengths: int32 ``[batch]``.
        summary: ``[batch, width]``, the whole of it.
        keys: of the attention, ``[batch, time, units]``; the memory again without one.
        first: what is added to the start's embedding, ``[batch, embedding_size]``.
    """

    memory: Any
    lengths: Any
    summary: Any
    keys: Any
    first: Any


@keras.saving.register_keras_serializable(package="rondo")
class AttentionDecoder(keras.layers.Layer):
    """Scores each next piece of a text, given the pieces before it and what is read.

    Call arguments: fed int32 ``[batch, steps]``, ids of pieces, of which 0 is the start where it
    is fed and the end where it is written; memory ``[batch, time, units]``, its lengths int32
    ``[batch]``, summary ``[batch, width]``.
    Returns: logits float32 ``[batch, steps, pieces]``.

    Args:
        pieces: how many ids there are.
        cell: recurrent cell, by name or dotted path, that has Keras's ``cell`` to step with.
        units: width of each recurrent layer.
        layers: recurrent layers, one on top of the other.
        embedding_size: width of the pieces' embedding.
        cell_options: further arguments of the cell's ``layer``.
        attention: how steps are scored; ``none`` looks at the summary alone.
        input_feeding: see the module.
        tied: whether the embedding is also the output's matrix (Press & Wolf 2017,
            https://arxiv.org/abs/1608.05859); what is joined is then as wide as it.
        dropout: share dropped of what is joined.
        embedding_dropout: share of the embedding's channels dropped for a whole text.
        sampled: share of the fed pieces that are the decoder's own, in the end.
        sampled_after: training steps over which that share grows to it, along a line.
        **kwargs: of ``keras.layers.Layer``.
    """

    def __init__(
        self,
        pieces: int,
        cell: str,
        units: int,
        layers: int = 1,
        embedding_size: int = 64,
        cell_options: Mapping[str, Any] | None = None,
        attention: Attention = "luong",
        input_feeding: bool = False,
        tied: bool = True,
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        sampled: float = 0.0,
        sampled_after: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.options = {
            **{"pieces": pieces, "cell": cell, "units": units, "layers": layers},
            **{"embedding_size": embedding_size, "cell_options": dict(cell_options or {})},
            **{"attention": attention, "input_feeding": input_feeding, "tied": tied},
            **{"dropout": dropout, "embedding_dropout": embedding_dropout},
            **{"sampled": sampled, "sampled_after": sampled_after},
        }
        self.pieces = pieces
        self.width = embedding_size if tied else units
        self.input_feeding, self.sampled, self.sampled_after = input_feeding, sampled, sampled_after
        # Of length 1 each, so that scores differ from the first step on where it is tied: from
        # Keras's small numbers a narrow decoder learns no more than how frequent pieces are.
        self.embedding = keras.layers.Embedding(
            pieces,
            embedding_size,
            keras.initializers.RandomNormal(stddev=embedding_size**-0.5),
            name="embedding",
        )
        self.bridge = keras.layers.Dense(embedding_size, name="bridge")
        layer = importlib.import_module(cell_module(cell)).layer
        self.recurrent = [
            layer(units, f"recurrent.{index}", **self.options["cell_options"])
            for index in range(layers)
        ]
        self.attention: Any = None
        if attention == "luong":
            self.attention = LuongAttention(name="attention")
        elif attention == "bahdanau":
            self.attention = BahdanauAttention(units, name="attention")
        self.joined = keras.layers.Dense(self.width, activation="tanh", name="joined")
        self.drop = keras.layers.Dropout(dropout, name="drop")
        self.drop_channels = keras.layers.SpatialDropout1D(embedding_dropout, name="drop_channels")
        self.output_projection = None if tied else keras.layers.Dense(pieces, name="output")
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, fed_shape, memory_shape, lengths_shape, summary_shape):
        embedding, units = self.options["embedding_size"], self.options["units"]
        self.embedding.build((None, None))
        self.bridge.build(summary_shape)
        read = embedding + (self.width if self.input_feeding else 0)
        for layer in self.recurrent:
            layer.build((None, None, read))
            read = units
        looked_at = summary_shape
        if self.attention is not None:
            self.attention.build((None, None, units), memory_shape, lengths_shape)
            looked_at = memory_shape
        self.joined.build((None, None, units + looked_at[-1]))
        if self.output_projection is None:
            self.output_bias = self.add_weight((self.pieces,), "zeros", name="output_bias")
        else:
            self.output_projection.build((None, None, self.width))
        if self.sampled:
            self.trained = self.add_weight((), "zeros", trainable=False, name="trained")

    def read(self, memory, lengths, summary) -> Read:
        """What the steps have in common, computed once."""
        memory = zero_padding(memory, lengths)
        keys = memory if self.attention is None else self.attention.keys(memory, lengths)
        return Read(memory, lengths, summary, keys, self.bridge(summary))

    def call(self, fed, memory, lengths, summary, training=False):
        read = self.read(memory, lengths, summary)
        share = None
        if training and self.sampled:
            self.trained.assign_add(1.0)
            grown = ops.minimum(self.trained / float(self.sampled_after), 1.0)
            share = self.sampled * grown
        if self.input_feeding:
            return self._one_by_one(fed, read, share, training)
        if share is not None:
            own = self._own(self._at_once(fed, read, training))
            own = ops.concatenate([fed[:, :1], own[:, :-1]], axis=1)
            fed = self._mixed(fed, own, share)
        return self._at_once(fed, read, training)

    def _embedded(self, fed, first, training=False):
        """Ids ``[batch, steps]`` to vectors, what is read being added to the start's."""
        vectors = self.embedding(fed)
        start = ops.expand_dims(ops.equal(fed, START), -1)
        added = ops.where(start, ops.expand_dims(first, 1), ops.zeros_like(vectors[:, :, :1]))
        return self.drop_channels(vectors + added, training=training)

    def _looked(self, outputs, read: Read):
        """Outputs ``[batch, steps, units]`` to what is joined and the weights (or None)."""
        if self.attention is None:
            context = ops.expand_dims(read.summary, 1) + ops.zeros_like(outputs[:, :, :1])
            weights = None
        else:
            context, weights = self.attention(outputs, read.memory, read.lengths, keys=read.keys)
        return self.joined(ops.concatenate([outputs, context], axis=-1)), weights

    def _logits(self, joined, training=False):
        joined = self.drop(joined, training=training)
        if self.output_projection is not None:
            return ops.cast(self.output_projection(joined), "float32")
        matrix = ops.cast(self.embedding.embeddings, joined.dtype)
        return ops.cast(ops.matmul(joined, ops.transpose(matrix)) + self.output_bias, "float32")

    def _at_once(self, fed, read: Read, training=False):
        values = self._embedded(fed, read.first, training)
        for layer in self.recurrent:
            values = layer(values, training=training)
        return self._logits(self._looked(values, read)[0], training)

    def _one_by_one(self, fed, read: Read, share, training):
        dropped = ops.ones_like(self._embedded(fed[:, :1], read.first))
        dropped = self.drop_channels(dropped, training=training)

        def step(carried, token):
            states, before, own = carried
            if share is not None:
                token = self._mixed(token, own, share)
            embedded = self._embedded(token[:, None], read.first) * dropped
            joined, _, states = self._stepped(embedded[:, 0], states, before, read)
            own = token
            if share is not None:
                own = self._own(self._logits(joined))
            carried = (states, joined, own)
            return carried, carried  # Keras's scan wants both in one form.

        rows = ops.shape(fed)[0]
        carried = (*self._nothing(rows), fed[:, 0])
        _, (_, joined, _) = ops.scan(step, carried, ops.transpose(fed))
        return self._logits(ops.transpose(joined, (1, 0, 2)), training)

    def _nothing(self, rows):
        """The states of all layers before the first step, and what was joined before it."""
        states = [list(layer.cell.get_initial_state(batch_size=rows)) for layer in self.recurrent]
        return states, ops.zeros((rows, self.width), self.compute_dtype)

    def _stepped(self, values, states, before, read: Read):
        """A step of all layers: what is joined, the weights of the attention, the new states."""
        if self.input_feeding:
            values = ops.concatenate([values, before], axis=-1)
        found = []
        for layer, state in zip(self.recurrent, states, strict=True):
            values, state = layer.cell(values, state)
            found.append(list(state) if isinstance(state, list | tuple) else [state])
        joined, weights = self._looked(ops.expand_dims(values, 1), read)
        return joined[:, 0], None if weights is None else weights[:, 0], found

    def begin(self, rows) -> dict[str, Any]:
        """The state of ``step`` before the first piece: a nest with ``rows`` in front."""
        states, before = self._nothing(rows)
        return {"states": states, "joined": before}

    def step(self, tokens, state: Mapping[str, Any], read: Read):
        """The logits of the pieces that may follow.

        Args:
            tokens: the pieces written last, int32 ``[rows]``; first of all the start.
            state: of ``begin``, and then of the last step.
            read: what is looked at, of ``read``.

        Returns:
            logits float32 ``[rows, pieces]``; the new state; the weights of the attention
            ``[rows, time]``, None if it has none.
        """
        embedded = self._embedded(tokens[:, None], read.first)[:, 0]
        joined, weights, states = self._stepped(embedded, state["states"], state["joined"], read)
        return self._logits(joined), {"states": states, "joined": joined}, weights

    def _own(self, logits):
        """What the decoder would write, int32, without a gradient."""
        return ops.cast(ops.argmax(ops.stop_gradient(logits), axis=-1), "int32")

    def _mixed(self, fed, own, share):
        """A share of the fed ids replaced by the decoder's own, but for start and end."""
        drawn = keras.random.uniform(ops.shape(fed), seed=self.seed_generator)
        replaced = (drawn < share) & ops.not_equal(fed, START) & ops.not_equal(own, START)
        return ops.where(replaced, own, fed)

    def compute_output_shape(self, fed_shape, memory_shape, lengths_shape, summary_shape):
        return (*fed_shape, self.pieces)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self.options
