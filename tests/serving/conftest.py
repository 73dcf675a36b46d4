"""SavedModels with the signatures that served models have, built once and without Keras."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tensorflow as tf


class Toy(tf.Module):
    """Counts characters: simple to compute by hand, with every kind of input and output.

    `bias` is added to all scores, so that versions can be told apart by their answers.
    """

    def __init__(self, bias: float) -> None:
        super().__init__()
        self.bias = tf.Variable(bias, dtype=tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="review")])
    def classify(self, review: tf.Tensor) -> dict[str, tf.Tensor]:
        score = tf.cast(tf.strings.length(review), tf.float32) + self.bias
        classes = tf.constant([["short", "long"]])
        return {
            "label": tf.where(score > 5.0, "long", "short"),
            "score": score,
            "labels": tf.repeat(classes, tf.size(review), axis=0),
            "scores": tf.stack([1.0 - score, score], axis=1),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def double(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": 2.0 * x}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.float32, name="values"),
            tf.TensorSpec([None], tf.int64, name="values_length"),
        ]
    )
    def total(self, values: tf.Tensor, values_length: tf.Tensor) -> dict[str, tf.Tensor]:
        inside = tf.sequence_mask(values_length, tf.shape(values)[1], dtype=tf.float32)
        total = tf.reduce_sum(values * inside, axis=1)
        return {"total": total, "steps": values * inside}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def raw(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"text_bytes": text, "text": text}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def root(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.control_dependencies([tf.debugging.assert_non_negative(x, "x is negative")]):
            return {"y": tf.sqrt(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def logarithm(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.math.log(x)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([], tf.float32, name="factor"),
            tf.TensorSpec([None], tf.float32, name="x"),
        ]
    )
    def scale(self, factor: tf.Tensor, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": tf.reduce_sum(factor * x)}


def save_toy(path: Path, bias: float) -> None:
    """Writes a Toy to a version folder."""
    toy = Toy(bias)
    signatures = {
        "serving_default": toy.classify,
        "double": toy.double,
        "total": toy.total,
        "raw": toy.raw,
        "root": toy.root,
        "logarithm": toy.logarithm,
        "scale": toy.scale,
    }
    tf.saved_model.save(toy, str(path), signatures=signatures)


@pytest.fixture(scope="session")
def toy_versions(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Version folders 1 and 2, with bias 0 and 100, to copy from."""
    folder = tmp_path_factory.mktemp("toy")
    save_toy(folder / "1", bias=0.0)
    save_toy(folder / "2", bias=100.0)
    return {1: folder / "1", 2: folder / "2"}


@pytest.fixture(scope="session")
def toy_base(toy_versions: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base path with version 1 only; do not change it."""
    base = tmp_path_factory.mktemp("base")
    shutil.copytree(toy_versions[1], base / "1")
    return base


@pytest.fixture
def push(toy_versions: dict[int, Path], tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Copies a toy version into a base path of this test: `push(1)`, `push(2, name="7")`."""

    def copy(version: int, name: str | None = None) -> Path:
        target = tmp_path / "base" / (name or str(version))
        return Path(shutil.copytree(toy_versions[version], target))

    yield copy
