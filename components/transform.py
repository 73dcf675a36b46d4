"""Transform's ``preprocessing_fn``: every feature's own preprocessing, with TFT's analyzers.

The graph that comes out is the one that training reads, that evaluation runs and that is served.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

from components.deep_copy import turn_off_if_broken
from components.embeddings.artifact import read_matrix
from components.spec import TRANSFORM_KEY, TransformConfig
from components.subwords import NO_UNIT, LearnSubwords
from components.truncation import lengths_asset
from models.features import steps
from models.features.analyzers import Analyzers, ranked
from models.options import graph_module
from models.raw import FLOAT32_MAX


class TftAnalyzers:
    """TensorFlow Transform's analyzers over the train split."""

    def vocabulary(self, tokens, name: str, top_k: int | None, further: Sequence[str] = ()):
        """Learns a vocabulary and looks ``tokens`` up; see ``models.features.analyzers``."""
        if not further:
            return tft.compute_and_apply_vocabulary(
                tokens, default_value=-1, top_k=top_k, vocab_filename=name
            )
        learnt = tft.vocabulary(tokens, top_k=top_k, vocab_filename=name)
        size = tft.experimental.get_vocabulary_size_by_name(name)

        def lookup(strings: tf.Tensor) -> tf.Tensor:
            return tft.apply_vocabulary(strings, learnt, default_value=-1)

        return ranked(tokens, lookup, tf.cast(size, tf.int64), further)

    def standardise(self, values: tf.Tensor, name: str) -> tf.Tensor:
        """Scales to mean 0 and deviation 1; see ``models.features.analyzers``."""
        return tft.scale_to_z_score(values, elementwise=values.shape.rank > 1)

    def rescale(self, values: tf.Tensor, name: str) -> tf.Tensor:
        """Scales to reach from 0 to 1; see ``models.features.analyzers``."""
        # NaN is left to the analyzers as no extreme at all.
        known = tf.math.is_finite(values)
        by_row = values.shape.rank == 1
        low = tft.min(tf.where(known, values, FLOAT32_MAX), reduce_instance_dims=by_row)
        high = tft.max(tf.where(known, values, -FLOAT32_MAX), reduce_instance_dims=by_row)
        varies = high > low
        return tf.where(varies, (values - low) / tf.where(varies, high - low, 1.0), values * 0.0)

    def subwords(
        self, words: tf.Tensor, counts: tf.Tensor, pieces: tf.Tensor, name: str, size: int
    ) -> tf.Tensor:
        """Learns subword units and looks ``pieces`` up; see ``models.features.analyzers``."""
        units = tft.experimental.ptransform_analyzer(
            [words, counts],
            LearnSubwords(name, size),
            [tf.string],
            [[]],
            output_asset_default_values=[NO_UNIT],
            name=f"{name}.subwords",
        )
        return tft.apply_vocabulary(pieces, units[0], default_value=-1)

    def keep_lengths(self, lengths: tf.Tensor, name: str) -> None:
        """Keeps how often each length occurs; see ``models.features.analyzers``."""
        # Transform counts strings, and writes what it counts beside its graph.
        counted = tf.strings.as_string(lengths)
        tft.vocabulary(counted, store_frequency=True, vocab_filename=lengths_asset(name))


class TftLearnt:
    """What Transform and the Embeddings node left behind, for the network.

    Args:
        transform_output: Transform's.
        embeddings: folder of the Embeddings node, where the experiment has one.
    """

    def __init__(self, transform_output: tft.TFTransformOutput, embeddings: str | None = None):
        self._output = transform_output
        self._embeddings = embeddings

    def vocabulary_size(self, name: str) -> int:
        """Entries of the vocabulary."""
        return self._output.vocabulary_size_by_name(name)

    def vocabulary(self, name: str) -> list[str]:
        """Entries of the vocabulary, by rank."""
        return [entry.decode("utf-8", "replace") for entry in self._output.vocabulary_by_name(name)]

    def vectors(self, name: str) -> np.ndarray:
        """Pretrained vectors by id; see ``models.features.analyzers``."""
        assert self._embeddings is not None, f"{name!r} has vectors, so there is a node for them"
        return read_matrix(self._embeddings, name)


class AppliedTransform(tf.Module):
    """Transform's graph as a function from raw to transformed tensors, for an export.

    In place of ``transform_features_layer()``, which does the same as a model of legacy Keras: an
    export that looks for its tables traces it once more through autograph, for seconds.

    Args:
        transform_output: Transform's.
    """

    def __init__(self, transform_output: tft.TFTransformOutput):
        super().__init__()
        self._loader = SavedModelLoader(transform_output.transform_savedmodel_dir)
        # Tracked by name, as the layer does: the loader itself is not trackable.
        self._loaded = vars(self._loader)

    def __call__(self, raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Transformed tensors by name, of what the given raw ones are enough for."""
        return self._loader.apply_transform_model(raw)


def preprocessing_fn(inputs: dict[str, tf.Tensor], custom_config: dict[str, Any]):
    """Raw tensors by name, ``[batch]`` or ragged ``[batch, (time), ...]``, to transformed ones."""
    config = TransformConfig.model_validate_json(custom_config[TRANSFORM_KEY])
    turn_off_if_broken()
    analyzers: Analyzers = TftAnalyzers()
    if config.task is not None:
        task = graph_module("tasks", config.task.kind)
        if hasattr(task, "learning"):
            analyzers = task.learning(config.task, inputs, analyzers)
    outputs = {}
    for name, options in config.features.items():
        outputs |= steps.preprocess(options, name, inputs[name], analyzers)
    if config.task is None:
        return outputs
    raw = {name: inputs[name] for name in config.task.targets}
    return outputs | task.preprocess(config.task, raw, analyzers)
