"""Window-based feed-forward language model (Bengio et al. 2003).

Paper: https://www.jmlr.org/papers/v3/bengio03a.html.  The embeddings of the last words side by side
go through a hidden layer and, as in the paper, also past it to the softmax.  Written with Keras
alone, so that it runs on any of its backends.
"""

from collections.abc import Iterable, Sequence

import keras
import numpy as np
from keras import ops

from models.baselines.kneser_ney import perplexity
from models.baselines.vocabulary import END, Vocabulary


def build(
    vocabulary_size: int,
    window: int,
    *,
    embedding_size: int = 64,
    hidden_size: int = 128,
    direct: bool = True,
) -> keras.Model:
    """The network: ids of the last words to the next one's scores.

    Args:
        vocabulary_size: ids that are predicted; one more stands before the start of a sentence.
        window: words that are looked at.
        embedding_size: width of a word's embedding.
        hidden_size: width of the hidden layer (tanh).
        direct: whether the embeddings also go straight to the scores.

    Returns:
        a model from int32 ``[batch, window]`` to logits float32 ``[batch, vocabulary_size]``.
    """
    ids = keras.Input((window,), dtype="int32", name="context")
    embedded = keras.layers.Embedding(vocabulary_size + 1, embedding_size, name="embedding")(ids)
    flat = keras.layers.Flatten(name="window")(embedded)
    body = keras.layers.Dense(hidden_size, activation="tanh", name="hidden")(flat)
    if direct:
        body = keras.layers.Concatenate(name="beside")([body, flat])
    logits = keras.layers.Dense(vocabulary_size, dtype="float32", name="scores")(body)
    return keras.Model(ids, logits, name="window_language_model")


class WindowLanguageModel:
    """The network with its vocabulary, trained and scored on streams of words.

    A stream is a sentence, a document, anything whose beginning and end mean something: no window
    reaches over its start, before which a mark stands, and its end is predicted like a word.

    Args:
        streams: training text, a list of words a stream.
        window: words that are looked at.
        smallest_count: occurrences that a word needs; the others are one unknown word.
        seed: of weights and shuffling.
        sizes: ``embedding_size``, ``hidden_size``, ``direct``, see ``build``.

    Attributes:
        vocabulary: the words that have a probability.
        network: see ``build``; untrained until ``fit``.

    Raises:
        ValueError: there is no stream, or ``window`` is below 1.
    """

    def __init__(
        self,
        streams: Iterable[Sequence[str]],
        window: int = 4,
        *,
        smallest_count: int = 1,
        seed: int = 0,
        **sizes: int,
    ):
        if window < 1:
            raise ValueError(f"window is {window}; at least one word is looked at")
        self._streams = [list(stream) for stream in streams]
        if not self._streams:
            raise ValueError("no stream of words came; a model needs one at least")
        self._window = window
        self._seed = seed
        self.vocabulary = Vocabulary(self._streams, smallest_count)
        keras.utils.set_random_seed(seed)
        self.network = build(len(self.vocabulary), window, **sizes)

    def windows(self, streams: Iterable[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """What is looked at and what comes then, for every word and every end.

        Returns:
            contexts int32 ``[words, window]`` and targets int32 ``[words]``, ids of the vocabulary;
            before a start stands the id ``len(vocabulary)``.
        """
        contexts, targets = [], []
        for stream in streams:
            ids = [len(self.vocabulary)] * self._window + self.vocabulary.ids(stream) + [END]
            line = np.asarray(ids, np.int32)
            contexts.append(np.lib.stride_tricks.sliding_window_view(line[:-1], self._window))
            targets.append(line[self._window :])
        if not targets:
            return np.zeros((0, self._window), np.int32), np.zeros(0, np.int32)
        return np.concatenate(contexts), np.concatenate(targets)

    def fit(
        self,
        validation: Iterable[Sequence[str]],
        *,
        epochs: int = 20,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        patience: int = 2,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> dict[str, list[float]]:
        """Trains until the validation text gets no likelier; the best epoch's weights stay.

        Args:
            validation: streams.
            epochs: at most.
            batch_size: words a step.
            learning_rate: of Adam.
            patience: epochs without a new best before training stops.
            callbacks: of Keras, to show progress with.

        Returns:
            ``loss`` and ``val_loss`` of each epoch, nats a word.
        """
        keras.utils.set_random_seed(self._seed)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.network.compile(keras.optimizers.Adam(learning_rate), loss)
        stopping = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True)
        contexts, targets = self.windows(self._streams)
        fitted = self.network.fit(
            contexts,
            targets,
            batch_size=batch_size,
            epochs=epochs,
            validation_data=self.windows(validation),
            callbacks=[stopping, *callbacks],
            verbose=0,
        )
        return fitted.history

    def log_probabilities(self, stream: Sequence[str], batch_size: int = 1024) -> np.ndarray:
        """Natural logarithms of the probability of each word and of the end.

        Args:
            stream: words.
            batch_size: words scored at once.

        Returns:
            float32 ``[words + 1]``.
        """
        return self.scored(stream, batch_size)[0]

    def scored(
        self, stream: Sequence[str], batch_size: int = 1024
    ) -> tuple[np.ndarray, np.ndarray]:
        """``log_probabilities``, and which words and ends are the likeliest, bool
        ``[words + 1]``.
        """
        return self._scored(*self.windows([stream]), batch_size)

    def perplexity(self, streams: Iterable[Sequence[str]], batch_size: int = 1024) -> float:
        """The inverse geometric mean of the probability of all words and ends.

        Raises:
            ValueError: there is no stream.
        """
        return perplexity([self._scored(*self.windows(streams), batch_size)[0]])

    def _scored(
        self, contexts: np.ndarray, targets: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        parts, right = [np.zeros(0, np.float32)], [np.zeros(0, bool)]
        for begin in range(0, len(targets), batch_size):
            part = slice(begin, begin + batch_size)
            logits = self.network(contexts[part], training=False)
            scores = ops.log_softmax(logits, axis=-1)
            picked = ops.take_along_axis(scores, targets[part, None], axis=-1)
            parts.append(ops.convert_to_numpy(picked)[:, 0])
            right.append(ops.convert_to_numpy(ops.argmax(logits, axis=-1)) == targets[part])
        return np.concatenate(parts), np.concatenate(right)
