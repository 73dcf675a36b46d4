"""Networks that begin with pretrained vectors: frozen or trained, counted, kept in files."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from models.features.text import Options as Text
from models.features.tokens import Options as Tokens
from models.network import build, compile_network, parameter_counts
from models.spec import NetworkOptions, TrainingOptions
from models.tasks.classify import Options as Classify

WORDS, LABELS, SIZE, UNITS = ["a", "b", "c"], ["no", "yes"], 100, 6
MATRIX = np.random.default_rng(0).normal(size=(len(WORDS) + 2, SIZE)).astype(np.float32)
TASK = Classify(kind="classify", label="label")
LSTM = 4 * UNITS * (SIZE + UNITS + 1)


def network(learnt: Callable, options: type, kind: str, trained: bool) -> keras.Model:
    feature = options(kind=kind, vectors={"file": "v.txt", "trained": trained})
    known = learnt({"words": WORDS, "label": LABELS}, {"words": MATRIX})
    built = build({"words": feature}, TASK, NetworkOptions(units=UNITS), known)
    return compile_network(built, TASK, TrainingOptions(learning_rate=0.1), None)


def matrix_of(model: keras.Model) -> np.ndarray:
    (matrix,) = model.get_layer("words.embedding").get_weights()
    return matrix


@pytest.mark.parametrize(
    ("options", "kind", "trained"), [(Text, "text", False), (Tokens, "tokens", True)]
)
def test_vectors_are_the_files_and_change_only_if_trained(
    plain_learnt: Callable, options: type, kind: str, trained: bool, tmp_path: Path
) -> None:
    model = network(plain_learnt, options, kind, trained)
    np.testing.assert_array_equal(matrix_of(model), MATRIX)
    head = UNITS * len(LABELS) + len(LABELS)
    assert parameter_counts(model) == {
        "trainable": LSTM + head + MATRIX.size * trained,
        "frozen": MATRIX.size * (not trained),
    }
    ids = np.tile(np.array([[2, 3, 4, 1]], np.int32), (8, 1))
    inputs = {"words": ids, "words_length": np.full(8, 4, np.int32)}
    before = model.get_layer("words.forward.0").get_weights()
    model.run_eagerly = True  # A single step is not worth tracing.
    model.train_on_batch(inputs, np.arange(8) % 3 == 0)
    after = model.get_layer("words.forward.0").get_weights()
    assert all((one != other).any() for one, other in zip(before, after, strict=True))
    assert (matrix_of(model) == MATRIX).all() == (not trained)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(matrix_of(loaded), matrix_of(model))
    assert parameter_counts(loaded) == parameter_counts(model)
