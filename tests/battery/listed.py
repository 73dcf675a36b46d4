"""The cells that the battery runs on; a new one is entered here, once."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np
from hypothesis import strategies as st

from battery import references


class Listed(NamedTuple):
    """A cell and what it is compared with.

    Attributes:
        name: module in ``models.cells``.
        reference: see ``references``.
        options: of its ``layer``, beside units and name.
        recurrent_dropout: whether its ``layer`` takes one.
        whole_stretches: whether it reads many steps at once, so that numbers must follow the end
            of a sequence, whatever they are; the encoder puts zeros there.
    """

    name: str
    reference: Callable[[np.ndarray, references.Weights], np.ndarray]
    options: dict[str, Any] = {}
    recurrent_dropout: bool = True
    whole_stretches: bool = False

    def layer(self, units: int = 4, **options: Any) -> keras.layers.Layer:
        module = importlib.import_module(f"models.cells.{self.name}")
        return module.layer(units, "cell", **{**self.options, **options})


CELLS = [
    Listed("elman", references.elman),
    Listed("jordan", references.jordan),
    Listed("lstm", references.lstm),
    Listed("gru", references.gru),
    Listed("indrnn", references.indrnn),
    Listed("slstm", references.slstm, {"heads": 2}),
    Listed("mlstm", references.mlstm, {"heads": 2}, recurrent_dropout=False, whole_stretches=True),
    Listed("none", references.none, recurrent_dropout=False),
]
RECURRENT = [cell for cell in CELLS if cell.name != "none"]
NAMES = {cell.name for cell in CELLS}


@contextmanager
def policy(name: str) -> Iterator[None]:
    """Layers made inside have this dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def shaken(layer: keras.layers.Layer, features: int, seed: int) -> keras.layers.Layer:
    """The layer, built for ``features``, with every weight drawn anew, biases included."""
    layer.build((None, None, features))
    random = np.random.default_rng(seed)
    layer.set_weights([random.normal(0.0, 0.5, w.shape) for w in layer.get_weights()])
    return layer


def by_name(layer: keras.layers.Layer) -> references.Weights:
    """The layer's weights in float64."""
    return {
        weight.name: np.asarray(keras.ops.convert_to_numpy(weight), np.float64)
        for weight in layer.weights
    }


@st.composite
def batches(draw: st.DrawFn) -> np.ndarray:
    """Values ``[batch, time, features]``; batches, lengths and features of one are among them."""
    batch, time = draw(st.sampled_from([1, 3])), draw(st.sampled_from([1, 2, 7]))
    features = draw(st.sampled_from([1, 3]))
    scale = draw(st.sampled_from([0.1, 1.0, 3.0]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return random.normal(0.0, scale, (batch, time, features)).astype(np.float32)
