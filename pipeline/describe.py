"""An experiment's network in numbers and as a drawing, without running the pipeline."""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from components.errors import DataError, UserError
from components.ingest.parts import read_here
from components.truncation import is_lengths_asset
from models import unrolled
from models.describe import CountedCall, LayerNumbers, counted_calls, layer_numbers, optimizer_bytes
from models.features.per_step import is_per_step
from models.network import compile_network
from models.options import LABEL, FeatureOptions
from models.own_network import Parts, build_any
from models.unrolled import Drawing
from pipeline import runs
from pipeline.estimate import vocabularies
from pipeline.experiment import Experiment
from pipeline.node_configs import ingest_config
from pipeline.sample import DataSample, read_sample
from pipeline.sample_transform import SampleLearnt, placeholder_vectors, transformed
from pipeline.workspace import workspace

SECONDS = 2.0
"""How long the data are read."""
ROWS = 1000
"""Of the train split, whose median length is a typical row's."""
ASSETS = Path("transform_fn", "assets")
"""Where Transform leaves its vocabularies, a line an entry."""


class Description(NamedTuple):
    """What there is to know of an experiment's network.

    Attributes:
        network: class of the user's own, or the cell of Rondo's.
        vocabularies: entries by name.
        sizes_from: where they come from.
        estimated: whether that is a sample of the data, and not what a run learnt.
        lengths: steps of a typical row, by sequence feature.
        rows: how many rows the typical lengths are of.
        batch_size: of training.
        layers: in the order of the computation.
        optimizer: bytes that the optimiser keeps.
        drawing: the network over its first steps.
    """

    network: str
    vocabularies: dict[str, int]
    sizes_from: str
    estimated: bool
    lengths: dict[str, int]
    rows: int
    batch_size: int
    layers: list[LayerNumbers]
    optimizer: int
    drawing: Drawing

    @property
    def weights(self) -> int:
        """Bytes of all parameters."""
        return sum(layer.weights for layer in self.layers)

    @property
    def gradients(self) -> int:
        """Bytes of the gradients of a training step, one for each trained parameter."""
        return sum(
            layer.weights * layer.trainable // max(layer.trainable + layer.frozen, 1)
            for layer in self.layers
        )

    @property
    def activations(self) -> int:
        """Bytes of the activations of a training batch of typical rows."""
        return self.batch_size * sum(layer.activations for layer in self.layers)

    @property
    def training_memory(self) -> int:
        """Bytes of a training step."""
        return self.weights + self.gradients + self.optimizer + self.activations

    def to_dict(self) -> dict[str, Any]:
        """Everything but the drawing, for JSON; memory in bytes."""
        layers = [layer._asdict() for layer in self.layers]
        totals = {
            name: sum(layer[name] for layer in layers)
            for name in ("trainable", "frozen", "flops_row", "products_row")
        }
        memory = {
            "weights": self.weights,
            "gradients": self.gradients,
            "optimizer": self.optimizer,
            "activations": self.activations,
            "training": self.training_memory,
        }
        return {
            "network": self.network,
            "vocabularies": self.vocabularies,
            "sizes_from": self.sizes_from,
            "estimated": self.estimated,
            "typical_lengths": self.lengths,
            "typical_of_rows": self.rows,
            "batch_size": self.batch_size,
            "layers": layers,
            "totals": totals,
            "memory": memory,
        }


class TransformLearnt:
    """The vocabularies that a run's Transform left behind, read without TensorFlow Transform."""

    def __init__(self, folder: Path, features: Mapping[str, FeatureOptions]):
        self._folder = folder / ASSETS
        self._features = features

    def vocabulary(self, name: str) -> list[str]:
        """Entries of the vocabulary, by rank."""
        lines = (self._folder / name).read_bytes().splitlines()
        return [line.decode("utf-8", "replace") for line in lines]

    def vocabulary_size(self, name: str) -> int:
        """Entries of the vocabulary."""
        return len(self.vocabulary(name))

    def vectors(self, name: str) -> np.ndarray:
        """Zeros in place of the file's vectors."""
        return placeholder_vectors(self._features[name], self.vocabulary_size(name))

    def names(self) -> list[str]:
        """Of all vocabularies."""
        names = sorted(path.name for path in self._folder.iterdir() if path.is_file())
        return [name for name in names if not is_lengths_asset(name)]


def describe(experiment: Experiment, home: str) -> Description:
    """Builds an experiment's network and describes it.

    Args:
        experiment: the experiment.
        home: the folder of all runs, where one of this experiment may have left vocabularies.

    Raises:
        UserError: the data are elsewhere or cannot be read.
    """
    # The CPU's graph is counted, see models.flops; too late where TensorFlow has begun to compute.
    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")
    if not read_here(experiment.data):
        raise UserError(
            f"{experiment.data.path}: data that are elsewhere are not read here, and lengths come "
            "from the data (name some rows that are here: --set data.path=FILE)"
        )
    sample = read_sample(ingest_config(experiment), experiment.features, SECONDS)
    rows = sample.kept[:ROWS]
    if not rows:
        raise DataError(f"{experiment.data.path}: no row of the train split was found")
    sampled = SampleLearnt(_expected(experiment, sample), experiment.features)
    lengths = _typical(transformed(experiment, rows, sampled))
    run = _matching_transform(experiment, home)
    known = TransformLearnt(run[1], experiment.features) if run else None
    parts = Parts(experiment.features, experiment.task, experiment.network, known or sampled)
    network = build_any(parts, _hyperparameters(experiment))
    if known and run:
        sizes = {name: known.vocabulary_size(name) for name in known.names()}
        source = f"run {run[0]}"
    else:
        sizes = sampled.sizes
        share = "all of the data" if sample.whole else f"{sample.share:.0%} of the data"
        source = f"sample, {share}"
    found = counted_calls(network, _by_input(network, lengths))
    if not network.compiled:
        compile_network(network, experiment.task, experiment.training, parts.learnt)
    return Description(
        experiment.network.build_model or experiment.network.cell,
        sizes,
        source,
        known is None,
        lengths,
        len(rows),
        experiment.training.batch_size,
        layer_numbers(found),
        optimizer_bytes(network),
        drawing(experiment, found, *rows[0]),
    )


def _expected(experiment: Experiment, sample: DataSample) -> dict[str, int]:
    labels = {LABEL: len(sample.labels)} if sample.labels else {}
    return vocabularies(experiment, sample) | labels


def _typical(outputs: dict[str, Any]) -> dict[str, int]:
    """Median steps of the rows, by sequence feature."""
    return {
        name: max(int(np.median(value.row_lengths().numpy())), 1)
        for name, value in outputs.items()
        if isinstance(value, tf.RaggedTensor) and name.partition(".")[0] != LABEL
    }


def _by_input(network: keras.Model, lengths: dict[str, int]) -> dict[str, int]:
    names = {tensor.name for tensor in network.inputs}
    return {name: length for name, length in lengths.items() if name in names}


def _hyperparameters(experiment: Experiment) -> Any:
    """keras-tuner's, which only a user's own network asks for values, and which takes a second."""
    if experiment.network.build_model is None:
        return None
    from keras_tuner import HyperParameters

    return HyperParameters()


def _matching_transform(experiment: Experiment, home: str) -> tuple[str, Path] | None:
    """The last run that transformed these data by these options, and the folder of what it learnt.

    Whether the data changed since is not looked at.
    """
    wanted = json.loads(experiment.to_json())
    for record in reversed(runs.read(workspace(home, experiment.name))[0]):
        folder = Path(record.artifacts.get("transform_graph", ""))
        same = all(
            record.options.get(part) == wanted[part] for part in ("data", "features", "task")
        )
        if same and record.artifacts.get("transform_graph") and os.path.isdir(folder / ASSETS):
            return record.run, folder
    return None


def drawing(
    experiment: Experiment,
    found: list[CountedCall],
    values: dict[str, Any],
    targets: dict[str, Any],
) -> Drawing:
    """The network over the first steps of a row, with the row's own words and labels."""
    shown = {}
    for name, options in experiment.features.items():
        value = values[name]
        if is_per_step(options):
            shown[name] = unrolled.Shown(options.kind, [_shown(step) for step in value])
            continue
        tokens = options.tokens_of(value)
        if tokens is None:
            tokens = value if isinstance(value, list) else [value]
        steps = [_shown(token) for token in tokens]
        most = getattr(options, "max_length", None)
        if most is not None:
            from_end = getattr(options, "keep", "end" if tokens is value else "start") == "end"
            steps = steps[-most:] if from_end else steps[:most]
        shown[name] = unrolled.Shown(options.kind, steps or ["(nothing)"])
    label = targets[experiment.task.label]
    labels = [_shown(each) for each in (label if isinstance(label, list) else [label])]
    return unrolled.draw(found, shown, unrolled.Shown(experiment.task.label, labels))


def _shown(token: Any) -> str:
    if isinstance(token, list):
        what = "tokens" if token and isinstance(token[0], str) else "numbers"
        return _shown(token[0]) if len(token) == 1 else f"{len(token)} {what}"
    if isinstance(token, bytes):
        return f"{len(token):,} bytes"
    return f"{token:.3g}" if isinstance(token, float) else str(token)
