"""Captions of a few test rows, and where in the picture each piece was found."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from components.read import list_of, raw_examples
from components.transform import TftLearnt
from models.answers import answers
from models.asked import Asked
from models.export import network_inputs
from models.features.sequences import raw_tensor
from models.insight.figures import caption_figure
from models.tasks.caption import graph, is_clip
from models.tasks.caption.judging import words_of
from models.tasks.caption.network import cell_of_grid
from pipeline.experiment import Experiment
from pipeline.explain import check_trained, spread, strings
from pipeline.runs import RunRecord
from pipeline.trained import trained_network
from pipeline.workspace import WorkspaceError


class Described(NamedTuple):
    """A row's caption.

    Attributes:
        text: as it was written.
        truth: as the data have it.
        right: whether the words are the same.
        probability: of the text.
        pieces: of the text.
        weights: what was looked at when each was written, float32 ``[pieces, rows, columns]``,
            with the pictures of a clip in front of the rows; None without attention.
        pictures: brightness from 0 to 1, float32 ``[pictures, height, width, channels]``; None
            where nothing is looked at.
    """

    text: str
    truth: str
    right: bool
    probability: float
    pieces: list[str]
    weights: np.ndarray | None
    pictures: np.ndarray | None


class ExplainedCaptions:
    """The captions of a run's network for some of its test rows, the same each time.

    Raises:
        WorkspaceError: the run has no trained model.
    """

    def __init__(self, experiment: Experiment, record: RunRecord, count: int) -> None:
        check_trained(experiment, record)
        self.experiment, self.task = experiment, experiment.task
        self.transform = tft.TFTransformOutput(record.artifacts["transform_graph"])
        self.network = trained_network(experiment, record.artifacts["model_run"])
        self.rows = spread(list(raw_examples(record.artifacts["examples"], "test")), count)
        self.raw = {
            name: raw_tensor(options.raw, [list_of(row, name, options.raw) for row in self.rows])
            for name, options in experiment.features.items()
        }
        self.inputs = network_inputs(self.transform.transform_features_layer()(dict(self.raw)))

    @cached_property
    def explanations(self) -> list[Described]:
        """Of each row."""
        task = self.task
        scores = answers(task, self.network, self.inputs)
        names = graph.label_names(task, TftLearnt(self.transform))
        outputs = graph.served_outputs(task, scores, names, Asked(self.inputs, self.raw))
        found = {name: value.numpy() for name, value in outputs.items()}
        described = []
        for row, example in enumerate(self.rows):
            (truth,) = strings(example, task.label)
            text, length = found["text"][row].decode("utf-8", "replace"), found["length"][row]
            pieces = [piece.decode("utf-8", "replace") for piece in found["pieces"][row][:length]]
            weights = found["attention"][row][:length] if task.looks else None
            described.append(
                Described(
                    text,
                    truth,
                    words_of(task, text) == words_of(task, truth),
                    float(np.exp(found["log_probability"][row])),
                    pieces,
                    weights,
                    self._pictures(row) if task.looks else None,
                )
            )
        return described

    def _pictures(self, row: int) -> np.ndarray:
        options = self.experiment.features[self.task.image]
        pixels = self.inputs[self.task.image][row]
        if is_clip(self.experiment.features, self.task):
            pixels = pixels[: int(self.inputs[f"{self.task.image}_length"][row])]
        shape = [-1, options.height, options.width, options.channels]
        return tf.reshape(pixels, shape).numpy()

    def write_figures(self, folder: Path) -> Iterator[Path]:
        """Writes a picture of each row, what was looked at drawn over it; yields each path.

        Raises:
            WorkspaceError: the network looks at no places.
        """
        if not self.task.looks:
            raise WorkspaceError(
                f"{self.experiment.name}: --figures draws what attention looked at, and this "
                "network has none"
            )
        folder.mkdir(parents=True, exist_ok=True)
        for row, found in enumerate(self.explanations):
            if not found.pieces:
                continue
            title = found.text if found.right else f"{found.text} (it is {found.truth})"
            figure = caption_figure(
                found.pictures, found.pieces, found.weights, cell_of_grid(self.task), title
            )
            path = folder / f"{row + 1}.{self.task.image}.attention.png"
            figure.savefig(path)
            yield path
