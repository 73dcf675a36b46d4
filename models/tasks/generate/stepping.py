"""A trained language model as a function of pieces and states: what is judged, served and drawn.

The same layers as in training, but with their states in hand in place of carried by the layers.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from models.features.sequences import UNKNOWN
from models.raw import length_name
from models.tasks.generate import Options
from models.tasks.generate.carrying import Carried
from models.tasks.generate.network import CARRIED, PROJECTION, SCORES, VECTORS
from models.tasks.generate.scores import SET_FIGURES, TEXT_FIGURES, set_figures

AT_ONCE = 2048
"""Steps whose scores of all pieces are in memory at once: 80 MB with 10,000 pieces."""
IMPOSSIBLE = -1e9


class Ready(NamedTuple):
    """A state, and what it says of the next step.

    Attributes:
        states: of the recurrent layers, ``[rows, ...]`` each.
        values: what the next step's scores are made of, float32 ``[rows, units]``.
    """

    states: list[tf.Tensor]
    values: tf.Tensor


class LanguageModel:
    """The parts of a network that ``models.tasks.generate.network`` built.

    Args:
        options: the task's options.
        network: with these parts.
    """

    def __init__(self, options: Options, network: keras.Model) -> None:
        self._options = options
        self._weights = network.weights
        layers = {layer.name: layer for layer in network.layers}
        self._embedding = layers.get(f"{options.text}.embedding")
        recurrent = [name for name in layers if name.startswith(CARRIED)]
        self._recurrent = [layers[f"{CARRIED}{index}"] for index in range(len(recurrent))]
        self._projection = layers.get(PROJECTION)
        self._scores = layers[SCORES]
        self._vectors = layers.get(VECTORS)
        self.inner = tuple(network.get_layer(str(options.text)).output.shape[2:])

    def read_once(self) -> keras.StatelessScope:
        """Within it the weights are read before all loops and not in them.

        A loop that reads none has no state, so that it is left out of a graph whose outputs do not
        need it: judging writes nothing.
        """
        held = [(weight, tf.convert_to_tensor(weight.value)) for weight in self._weights]
        return keras.StatelessScope(state_mapping=held)

    @property
    def size(self) -> int:
        """How many ids there are."""
        return self._scores.size

    @property
    def end(self) -> int | None:
        """The id behind which nothing is written, if there is one."""
        return self._scores.end

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of what is known of a step."""
        return SET_FIGURES if self._options.sets else TEXT_FIGURES

    def first(self, rows: Any) -> list[tf.Tensor]:
        """The states before the first step of so many rows."""
        return [
            state
            for layer in self._recurrent
            if isinstance(layer, Carried)
            for state in layer.first(rows)
        ]

    def window(self, fed: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Goes on over some steps.

        Args:
            fed: steps ``[rows, time, ...]``.
            states: before the first of them.

        Returns:
            what the scores of the step after each are made of, ``[rows, time, units]``, and the
            states after the last.
        """
        values = fed if self._embedding is None else self._embedding(fed)
        left, after = list(states), []
        for layer in self._recurrent:
            if isinstance(layer, Carried):
                count = len(layer.first(1))
                values, new = layer.go_on(values, left[:count])
                left = left[count:]
                after += new
            else:
                values = layer(values)
        return (values if self._projection is None else self._projection(values)), after

    def logits(self, values: tf.Tensor) -> tf.Tensor:
        """Scores of all pieces, or log-odds of all members, ``[..., size]``."""
        if self._options.sets:
            return self._scores.logits(values)
        return self._scores.logits(values, self._all_vectors())

    def _all_vectors(self) -> tf.Tensor | None:
        if self._vectors is None:
            return None
        return self._embedding(self._vectors(tf.zeros([1, 1], tf.int32)))

    def of_window(self, values: tf.Tensor, came: tf.Tensor) -> tf.Tensor:
        """Figures ``[rows, time, figures]`` of steps ``[rows, time, ...]`` that came.

        However many rows there are, the scores of ``AT_ONCE`` steps are in memory at once.
        """
        flat = tf.reshape(values, [-1, values.shape[-1]])
        right = tf.reshape(came, [-1, *self.inner])
        count = tf.shape(flat)[0]
        parts = (count + AT_ONCE - 1) // AT_ONCE
        found = tf.TensorArray(
            tf.float32, parts, infer_shape=False, element_shape=[None, len(self.figures)]
        )

        def go_on(place: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            part = slice(place * AT_ONCE, (place + 1) * AT_ONCE)
            return place + 1, found.write(place, self._figures(flat[part], right[part]))

        _, found = tf.while_loop(
            lambda place, _: place < parts, go_on, (tf.constant(0), found), parallel_iterations=1
        )
        shape = tf.concat([tf.shape(came)[:2], [len(self.figures)]], 0)
        return tf.reshape(found.concat(), shape)

    def _figures(self, values: tf.Tensor, came: tf.Tensor) -> tf.Tensor:
        """Of single steps, ``[steps, figures]``."""
        if self._options.sets:
            return set_figures(self.logits(values), came)
        vectors = self._all_vectors()
        return self._scores(values[None], came[None], vectors, training=False)[0]

    def of_rows(self, came: tf.Tensor) -> tf.Tensor:
        """Figures of each step of whole rows, from what is before it in the row.

        Args:
            came: steps ``[rows, time, ...]``.

        Returns:
            ``[rows, time, figures]``.
        """
        rows, time = tf.shape(came)[0], tf.shape(came)[1]
        steps = self._options.steps
        windows = (time + steps - 1) // steps
        padding = [[0, 0], [0, windows * steps - time]] + [[0, 0]] * len(self.inner)
        came = tf.pad(came, padding)
        fed = tf.concat([tf.zeros([rows, 1, *self.inner], came.dtype), came[:, :-1]], axis=1)
        found = tf.TensorArray(tf.float32, windows, element_shape=[None, steps, len(self.figures)])

        def go_on(place, states, found):
            begin = place * steps
            part = slice(begin, begin + steps)
            values, states = self.window(_wide(fed[:, part], steps), states)
            figures = self.of_window(values, _wide(came[:, part], steps))
            return place + 1, states, found.write(place, figures)

        first = self.first(rows)
        shapes = [tf.TensorShape([None, *state.shape[1:]]) for state in first]
        _, _, found = tf.while_loop(
            lambda place, *_: place < windows,
            go_on,
            (tf.constant(0), first, found),
            shape_invariants=(tf.TensorShape([]), shapes, tf.TensorShape(None)),
        )
        by_window = tf.transpose(found.stack(), [1, 0, 2, 3])
        return tf.reshape(by_window, [rows, windows * steps, len(self.figures)])[:, :time]

    def of_last(self, came: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Figures of the last steps of whole rows, ``[rows, last, figures]``; see ``LastSteps``."""
        rows = tf.shape(came)[0]
        fed = tf.concat([tf.zeros([rows, 1, *self.inner], came.dtype), came[:, :-1]], axis=1)
        values, _ = self.window(fed, self.first(rows))
        count = int(self._options.last or 1)
        places = tf.maximum(lengths[:, None] - count + tf.range(count), 0)
        return self.of_window(
            tf.gather(values, places, batch_dims=1), tf.gather(came, places, batch_dims=1)
        )

    def ready(self, fed: tf.Tensor, states: list[tf.Tensor]) -> Ready:
        """The state after one more step, ``[rows, ...]``."""
        values, states = self.window(fed[:, None], states)
        return Ready(states, values[:, 0])

    def begun(self, rows: Any, dtype: Any) -> Ready:
        """The state before anything came."""
        return self.ready(tf.zeros([rows, *self.inner], dtype), self.first(rows))

    def read(self, came: tf.Tensor, lengths: tf.Tensor, before: Ready) -> tuple[Ready, tf.Tensor]:
        """Reads some steps, and says how likely they were.

        Args:
            came: steps ``[rows, time, ...]``.
            lengths: how many of them count, int32 ``[rows]``; 0 where none does.
            before: the state before them.

        Returns:
            the state after them, and their figures ``[rows, time, figures]``.
        """
        rows, time = tf.shape(came)[0], tf.shape(came)[1]
        found = tf.TensorArray(tf.float32, time, element_shape=[None, len(self.figures)])

        def look(place: tf.Tensor, state: Ready, found: tf.TensorArray) -> tf.TensorArray:
            step = came[:, place]
            return found.write(place, self.of_window(state.values[:, None], step[:, None])[:, 0])

        after, found = self._through(came, lengths, before, found, look)
        figures = tf.transpose(found.stack(), [1, 0, 2])
        return after, tf.reshape(figures, [rows, time, len(self.figures)])

    def after(self, came: tf.Tensor, lengths: tf.Tensor, before: Ready) -> Ready:
        """The state after some steps; arguments as of ``read``.

        Whole windows are read at once, and only what is left of a row step by step.
        """
        steps = self._options.steps
        whole = lengths // steps
        came = tf.pad(came, [[0, 0], [0, steps]] + [[0, 0]] * len(self.inner))

        def go_on(place: tf.Tensor, state: Ready) -> tuple[tf.Tensor, Ready]:
            begin = place * steps
            fed = _wide(came[:, begin : begin + steps], steps)
            values, states = self.window(fed, state.states)
            return place + 1, _chosen(place < whole, Ready(states, values[:, -1]), state)

        _, state = tf.while_loop(
            lambda place, _: place < tf.reduce_max(tf.concat([whole, [0]], 0)),
            go_on,
            (tf.constant(0), before),
            shape_invariants=(tf.TensorShape([]), of_any_rows(before)),
        )
        left = tf.gather(came, whole[:, None] * steps + tf.range(steps), batch_dims=1)
        rest = lengths - whole * steps
        left = left[:, : tf.reduce_max(tf.concat([rest, [0]], 0))]
        return self._through(left, rest, state, tf.constant(0), lambda *seen: seen[-1])[0]

    def _through(
        self, came: tf.Tensor, lengths: tf.Tensor, before: Ready, seen: Any, look: Any
    ) -> tuple[Ready, Any]:
        """Goes through steps with a look at each, and at the state before it."""

        def go_on(place, state, seen):
            seen = look(place, state, seen)
            step = self.ready(came[:, place], state.states)
            return place + 1, _chosen(place < lengths, step, state), seen

        of_seen = tf.TensorShape([]) if tf.is_tensor(seen) else tf.TensorShape(None)
        _, after, seen = tf.while_loop(
            lambda place, *_: place < tf.shape(came)[1],
            go_on,
            (tf.constant(0), before, seen),
            shape_invariants=(tf.TensorShape([]), of_any_rows(before), of_seen),
        )
        return after, seen

    def log_probabilities(self, ready: Ready) -> tf.Tensor:
        """Of the pieces that can be written next, float32 ``[rows, size]``: neither padding nor
        the unknown piece.
        """
        logits = self.logits(ready.values)
        never = tf.cast(tf.range(self.size) <= UNKNOWN, tf.float32) * IMPOSSIBLE
        return tf.nn.log_softmax(logits + never)


def _wide(window: tf.Tensor, steps: int) -> tf.Tensor:
    return tf.ensure_shape(window, [None, steps, *window.shape[2:]])


def _chosen(rows: tf.Tensor, new: Ready, old: Ready) -> Ready:
    """The new state of some rows, boolean ``[rows]``, and the old one of the others."""

    def choose(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
        return tf.where(tf.reshape(rows, [-1] + [1] * (one.shape.rank - 1)), one, other)

    return tf.nest.map_structure(choose, new, old)


def of_any_rows(state: Ready) -> Ready:
    """The shapes of a state whose number of rows a loop does not know."""
    return tf.nest.map_structure(lambda part: tf.TensorShape([None, *part.shape[1:]]), state)


def lengths_in(options: Options, inputs: Any) -> tf.Tensor:
    """How many steps of each row count, int32 ``[rows]``."""
    return inputs[length_name(str(options.text), 1)]
