"""The tasks and their variants, each with a few rows; entered here once for all tests of tasks."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from media import wav
from plain import PlainAnalyzers

from models.answers import answers, taught
from models.export import network_inputs
from models.features import steps
from models.features.sequences import raw_tensor
from models.network import build
from models.options import FeatureOptions, TaskOptions, graph_module, options_class
from models.spec import NetworkOptions

NETWORK = NetworkOptions(cell="gru", units=4, embedding_size=3)
Fields = dict[str, Any]


class TaskCase(NamedTuple):
    """A variant of a task.

    Attributes:
        task: its options, as an experiment has them.
        features: likewise, by name.
        rows: at least three, of different lengths.
        vocabularies: what Transform would have learnt, by name.
        network: how the network is built.
    """

    task: dict[str, Any]
    features: dict[str, dict[str, Any]]
    rows: Sequence[Fields]
    vocabularies: dict[str, list[str]]
    network: NetworkOptions = NETWORK


WORDS = {"words": {"kind": "tokens"}}
SENTENCES = [
    {
        **{"words": ["a", "b"], "tags": ["O", "B-x"], "mood": "good"},
        **{"topics": ["x", "z"], "sounds": [["x"], ["x", "y"]]},
    },
    {
        **{"words": ["c", "new", "a", "b", "b"], "tags": ["B-x", "I-x", "O", "O", "B-y"]},
        **{"mood": "bad", "topics": ["y"], "sounds": [["y"], [], ["x"], [], ["y"]]},
    },
    {"words": ["b"], "tags": ["O"], "mood": "good", "topics": ["x"], "sounds": [["x"]]},
]
TAGS = ["O", "B-x", "I-x", "B-y"]
SALES = [
    {"sold": [3, 5, 4], "target": [6, 5], "e": 1.5, "n": [4, 4], "shop": "a", "open": "yynny"},
    {
        "sold": [2, 9, 3, 8, 2],
        "target": [9, 3],
        "e": 0.5,
        "n": [2, 8],
        "shop": "b",
        "open": "ynynynn",
    },
    {"sold": [7, 1], "target": [2, 6], "e": 2.0, "n": [1, 1], "shop": "new", "open": "nnyy"},
]
SALES = [row | {"open": list(row["open"])} for row in SALES]
SHOPS = {"shop": ["a", "b"], "open": ["y", "n"]}
PAIRS = [
    {"sold": [[3, 1], [5, None]], "target": [[6, 1], [None, 2]], "open": list("yyny")},
    {"sold": [[2, 2], [None, 1], [3, 4]], "target": [[9, 3], [1, 2]], "open": list("ynyny")},
    {"sold": [[7, 5]], "target": [[2, 6], [3, 5]], "open": list("nny")},
]
DIALOGS = [
    {
        "heard": [["siamese food", "tie food"], [], ["in the north", "greek"]],
        "sure": [[0.7, 0.2], [], [0.6, 0.4]],
        "acts": [[], ["area"], ["food=thai", "area"]],
        "wishes": [["food=thai"], [], ["area=north"]],
        "person": ["no", "no", "yes"],
    },
    {
        **{"heard": [["greek please"]], "sure": [[0.9]], "acts": [["food"]]},
        **{"wishes": [["food=greek"]], "person": ["no"]},
    },
    {
        **{"heard": [["thai"], ["no thanks"]], "sure": [[0.9], [0.5]], "acts": [[], []]},
        **{"wishes": [["food=thai"], []], "person": ["no", "no"]},
    },
]
STROKES = [
    {"pen": [[0, 1], [1, 1], [0, -1], [2, 0], [1, 0], [0, 3]], "text": "ab", "hand": "left"},
    {"pen": [[1, 2]] * 4 + [[-1, 0]] * 9, "text": "b a", "hand": "right"},
    {"pen": [[0, 2], [1, 1], [0, 2]], "text": "A", "hand": "left"},
]
GREY = [[[0.0, 90.0, 255.0], [10.0, 0.0, 30.0]], [[255.0, 0.0, 0.0], [70.0, 80.0, 90.0]]]
"""Two pictures of 2 rows and 3 columns."""
PICTURES = [
    {"scan": GREY[0], "film": GREY[:1], "size": 1.5, "said": "a b"},
    {"scan": GREY[1], "film": [GREY[1], GREY[0], GREY[0]], "size": -2.0, "said": "new b b"},
    {"scan": GREY[0][::-1], "film": GREY, "size": 0.5, "said": "A b"},
]
PIXELS = {"height": 2, "width": 3, "pixels": [2, 3, 1]}
TEXTS = [
    {"german": "Ein Hund", "english": "A dog.", "topic": "a", "sounds": [1.0, 2.0]},
    {"german": "ein Dachs , ein Hund .", "english": "a badger", "topic": "b", "sounds": [0.5]},
    {"german": "Hund", "english": "dog", "topic": "a", "sounds": [2.0, 1.0, 3.0]},
]
LINES = [
    {"line": "a b", "notes": [[1, 0], [1, 1]], "stream": "x", "position": 0},
    {"line": "a b new a c", "notes": [[0, 1]] * 5, "stream": "x", "position": 1},
    {"line": "c", "notes": [[0, 0]], "stream": "y", "position": 0},
]
CASES = {
    "generate": TaskCase(
        {
            **{"kind": "generate", "steps": 2, "output_dropout": 0.1, "weight_dropout": 0.1},
            "writing": {"steps": 3, "end": "c"},
        },
        {"line": {"kind": "text"}},
        LINES,
        {"line": ["a", "b", "c"]},
    ),
    "the last pieces of chunks that overlap": TaskCase(
        {"kind": "generate", "last": 1, "tied": False, "samples": 2, "writing": {"steps": 2}},
        {"line": {"kind": "text", "tokens": "characters"}},
        LINES,
        {"line": ["a", "b", "c", " "]},
    ),
    "sets that come next": TaskCase(
        {"kind": "generate", "steps": 2, "writing": {"steps": 2}},
        {"notes": {"kind": "series", "depth": 2, "scale": "none"}},
        LINES,
        {},
    ),
    "classify": TaskCase(
        {"kind": "classify", "label": "mood"},
        WORDS,
        SENTENCES,
        {"words": ["a", "b", "c"], "label": ["good", "bad"]},
    ),
    "a set of labels": TaskCase(
        {"kind": "classify", "label": "topics", "answer": "multi", "labels": ["x", "y", "z"]},
        WORDS,
        SENTENCES,
        {"words": ["a", "b", "c"], "label": ["y", "x", "z"]},
    ),
    "a set at each step": TaskCase(
        {"kind": "classify", "label": "sounds", "answer": "multi", "aligned_with": "words"},
        WORDS,
        SENTENCES,
        {"words": ["a", "b", "c"], "label": ["y", "x"]},
    ),
    "a level": TaskCase(
        {
            "kind": "classify",
            "label": "mood",
            "answer": "ordinal",
            "labels": ["bad", "fair", "good"],
        },
        WORDS,
        SENTENCES,
        {"words": ["a", "b", "c"]},
    ),
    "spans and a label of all": TaskCase(
        {
            **{"kind": "tag", "label": "tags", "head": "crf", "spans": "bio"},
            **{"sequence_label": "mood", "aligned_with": ["words", "letters"]},
        },
        WORDS
        | {
            "letters": {
                **{"kind": "text", "column": "words", "per_step": True, "tokens": "characters"},
                "encoder": {"kind": "convolution", "units": 3, "embedding_size": 2},
            }
        },
        SENTENCES,
        {
            **{"words": ["a", "b", "c"], "letters": ["a", "b", "n"], "label": TAGS},
            "label.sequence": ["good", "bad"],
        },
    ),
    "tag": TaskCase(
        {"kind": "tag", "label": "tags"},
        WORDS,
        SENTENCES,
        {"words": ["a", "b", "c"], "label": TAGS},
    ),
    "track": TaskCase(
        {
            **{"kind": "track", "label": "wishes", "heard": "heard", "scores": "sure"},
            **{"system": "acts", "hand_over": "person"},
            "slots": {"food": {"values": {"thai": ["siamese"], "greek": []}}, "area": {}},
        },
        {
            "heard": {"kind": "phrases", "count": 2, "words": 6},
            "sure": {"kind": "scores", "count": 2},
            "acts": {"kind": "phrases", "count": 2, "words": 3},
        },
        DIALOGS,
        {"label.food": ["none", "thai"], "label.area": ["none", "north"]},
    ),
    "caption": TaskCase(
        {
            **{"kind": "caption", "label": "said", "filters": [4], "beam_width": 3},
            "target": {"max_length": 4},
        },
        {"scan": {"kind": "image", **PIXELS}},
        [
            {**row, "scan": [[[pixel] for pixel in line] for line in row["scan"]]}
            for row in PICTURES
        ],
        {"label": ["b", "a"]},
    ),
    "caption of a clip": TaskCase(
        {
            **{"kind": "caption", "label": "said", "filters": [4], "attention": "luong"},
            **{"feeding": False, "beam_width": 2, "target": {"max_length": 4}},
        },
        {
            "film": {"kind": "image", "per_step": True, **PIXELS},
            "size": {"kind": "numeric"},
        },
        [
            {**row, "film": [[[[p] for p in line] for line in one] for one in row["film"]]}
            for row in PICTURES
        ],
        {"label": ["b", "a"]},
    ),
    "caption of a vector": TaskCase(
        {"kind": "caption", "label": "said", "beam_width": 1, "target": {"max_length": 4}},
        {
            "size": {"kind": "numeric"},
            "walk": {"kind": "series", "column": "walk", "scale": "none"},
        },
        [row | {"walk": [1.0, 2.0][: 1 + place % 2]} for place, row in enumerate(PICTURES)],
        {"label": ["b", "a"]},
    ),
    "translate": TaskCase(
        {
            **{"kind": "translate", "label": "english", "attention": "luong", "beam_width": 2},
            **{"copy_unknown": True, "target": {"max_length": 4}},
        },
        {"german": {"kind": "text"}, "topic": {"kind": "categorical"}},
        TEXTS,
        {"german": ["ein", "hund", "."], "topic": ["a"], "label": ["dog", "a", "."]},
    ),
    "translate with input feeding": TaskCase(
        {
            **{"kind": "translate", "label": "english", "attention": "bahdanau", "beam_width": 1},
            **{"input_feeding": True, "tied": False, "source": "german"},
            "target": {"max_length": 4, "subwords": True},
        },
        {"german": {"kind": "tokens"}, "sounds": {"kind": "series", "scale": "none"}},
        [row | {"german": row["german"].split()} for row in TEXTS],
        {"german": ["ein", "hund"], "label": ["d", "##o", "a", "##g", "."]},
    ),
    "forecast": TaskCase(
        {
            **{"kind": "forecast", "context": "sold", "horizon": 2, "steps": [2], "log": True},
            **{"residual": "seasonal", "season": 2, "linear": 3, "known": ["open"]},
            **{"seasonal_error": "e", "naive2": "n", "metric": "owa_2"},
        },
        {
            "sold": {"kind": "series", "scale": "none"},
            "open": {"kind": "tokens"},
            "shop": {"kind": "categorical"},
        },
        SALES,
        SHOPS,
    ),
    "transcribe": TaskCase(
        {
            **{"kind": "transcribe", "label": "text", "beam_width": 3, "stride": 2},
            **{"target": {"tokens": "characters"}, "language": {"order": 2}},
        },
        {"pen": {"kind": "series", "depth": 2, "scale": "none"}, "hand": {"kind": "categorical"}},
        STROKES,
        {"label": ["a", "b", " "], "hand": ["left"]},
    ),
    "words of sound": TaskCase(
        {"kind": "transcribe", "label": "text", "beam_width": 1},
        {"sound": {"kind": "audio", "sample_rate": 1000, "mels": 3, "scale": "none", "hop": 5}},
        [
            {"sound": wav(samples, 1000, hertz=hertz), "text": text}
            for samples, hertz, text in ((200, 90, "one two"), (90, 200, "two"), (150, 50, "one"))
        ],
        {"label": ["one", "two"]},
    ),
    "forecast step by step": TaskCase(
        {
            **{"kind": "forecast", "context": "sold", "horizon": 2, "missing": "mask"},
            **{"head": "student_t", "decoding": "autoregressive", "known": ["open"]},
        },
        {
            "sold": {"kind": "series", "scale": "none", "depth": 2, "missing": "mask"},
            "open": {"kind": "tokens"},
        },
        PAIRS,
        SHOPS,
    ),
}


class Learnt:
    """Vocabularies as the network reads them."""

    def __init__(self, vocabularies: dict[str, list[str]]) -> None:
        self.vocabulary = vocabularies.__getitem__

    def vocabulary_size(self, name: str) -> int:
        return len(self.vocabulary(name))


class Transform(tf.Module):
    """Raw to transformed features without Transform."""

    def __init__(self, features: dict[str, FeatureOptions], analyzers: PlainAnalyzers) -> None:
        super().__init__()
        self.features, self.analyzers = features, analyzers

    def __call__(self, raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        transformed = {}
        for name, options in self.features.items():
            transformed |= steps.preprocess(options, name, raw[name], self.analyzers)
        return transformed


class BuiltTask:
    """A case's network with random weights, and its rows as the network reads them."""

    def __init__(self, case: TaskCase) -> None:
        self.features: dict[str, FeatureOptions] = {
            name: options_class("features", options["kind"]).model_validate(options)
            for name, options in case.features.items()
        }
        free = options_class("tasks", case.task["kind"]).model_validate(case.task)
        self.task: TaskOptions = free.bound(self.features)
        self.graph = graph_module("tasks", self.task.kind)
        self.learnt = Learnt(case.vocabularies)
        self.transform = Transform(self.features, PlainAnalyzers(case.vocabularies))
        self.rows = case.rows
        self.values = [
            {name: options.read(row, name) for name, options in self.features.items()}
            for row in case.rows
        ]
        self.targets = [self.task.read(row) for row in case.rows]
        for targets, values in zip(self.targets, self.values, strict=True):
            self.task.check_row(targets, values)
        self.network = build(self.features, self.task, case.network, self.learnt)
        random = np.random.default_rng(1)
        for weight in self.network.trainable_weights:
            weight.assign(random.normal(0.0, 0.5, weight.shape))

    @property
    def label_names(self) -> list[str]:
        return self.graph.label_names(self.task, self.learnt)

    def raw(self, places: Sequence[int]) -> dict[str, tf.Tensor | tf.RaggedTensor]:
        """The raw features of some rows."""
        return {
            name: raw_tensor(options.raw, [self.values[place][name] for place in places])
            for name, options in self.features.items()
        }

    def inputs(self, places: Sequence[int]) -> dict[str, tf.Tensor]:
        """The network's inputs of some rows, padded to the longest of them."""
        return network_inputs(self.transform(self.raw(places)))

    def transformed_targets(self) -> dict[str, tf.Tensor | tf.RaggedTensor]:
        """What the rows are judged by, as Transform gives it."""
        raw = {
            name: raw_tensor(form, [targets[name] for targets in self.targets])
            for name, form in self.task.targets.items()
        }
        return self.graph.preprocess(self.task, raw, self.transform.analyzers)

    def labels(self) -> Any:
        """The labels of all rows as a batch that is learnt from."""
        padded = {name: _padded(value) for name, value in self.transformed_targets().items()}
        return padded["label"] if set(padded) == {"label"} else padded

    def labels_by_row(self) -> list[Any]:
        """The labels of each row, without padding."""
        targets = self.transformed_targets()
        rows = [
            {name: value[place].numpy() for name, value in targets.items()}
            for place in range(len(self.rows))
        ]
        labels = [row["label"] for row in rows] if set(targets) == {"label"} else rows
        if not hasattr(self.graph, "label_of"):
            return labels
        inputs = [self.inputs([place]) for place in range(len(self.rows))]
        alone = [{name: value[0].numpy() for name, value in row.items()} for row in inputs]
        return [
            self.graph.label_of(self.task, row, label)
            for row, label in zip(alone, labels, strict=True)
        ]

    def batch(self) -> tuple[dict[str, tf.Tensor], Any]:
        """All rows as the network learns from them."""
        return taught(self.task)(self.inputs(range(len(self.rows))), self.labels())

    def scores(self, inputs: Mapping[str, tf.Tensor]) -> Any:
        """What is answered to inputs."""
        return answers(self.task, self.network, inputs)

    def raw_targets(self, place: int) -> dict[str, np.ndarray]:
        """What a row is judged by as the Evaluator hands it over, with a batch axis of one."""
        found = {}
        for name, form in self.task.targets.items():
            value = self.targets[place][name]
            flat = np.array(value, np.float32 if form.dtype == "float" else object)
            found[name] = flat.reshape([1, *(-1 if s is None else s for s in form.shape)])
        return found

    def baseline(self) -> dict[str, np.ndarray]:
        return self.graph.baseline(self.task, iter(self.labels_by_row()), self.learnt)

    def calibration(self, network: keras.Model) -> dict[str, np.ndarray]:
        """What the task fits to splits that are these rows; nothing if it has no such."""
        found = {}
        if hasattr(self.graph, "prior"):
            found |= self.graph.prior(self.task, self.labels_by_row, self.learnt)
        if hasattr(self.graph, "calibration"):
            found |= self.graph.calibration(self.task, network, [self.batch()])
        return found


def _padded(value: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
    if not isinstance(value, tf.RaggedTensor):
        return value
    return value.to_tensor(np.nan if value.dtype.is_floating else -1)
