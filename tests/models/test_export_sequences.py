"""The SavedModel of sequences: dense on the wire, ragged in examples, as wide as what was sent."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from models import export
from models.features.series import Options as Series
from models.features.tokens import Options as Tokens
from models.network import build
from models.options import FeatureOptions, graph_module
from models.spec import NetworkOptions
from models.tasks.tag import Options as Tag

pytestmark = pytest.mark.slow

FEATURES: dict[str, FeatureOptions] = {
    "words": Tokens(kind="tokens"),
    "wave": Series(kind="series", depth=2, max_length=3),
}
TASK = Tag(kind="tag", label="tags", aligned_with="words")
LABELS = ["O", "B"]
VOCABULARIES = {"words": ["a", "b", "c"], "label": LABELS}
SHARES = np.array([0.75, 0.25], np.float32)
WORDS = [["a", "new", "b"], ["c"], ["b", "b"]]
WAVES = [[[1.0, 2.0]], [[3.0, 4.0], [50.0, 6.0], [7.0, 8.0], [9.0, 0.0]], [[5.0, 5.0], [1.0, 60.0]]]


class PlainTransform(tf.Module):
    """Raw to transformed tensors without Transform."""

    def __init__(self, analyzers: tf.Module) -> None:
        super().__init__()
        self.analyzers = analyzers

    def __call__(self, raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        transformed = {}
        for name, options in FEATURES.items():
            graph = graph_module("features", options.kind)
            transformed |= graph.preprocess(options, name, raw[name], self.analyzers)
        return transformed


@pytest.fixture(scope="module")
def loaded(
    tmp_path_factory: pytest.TempPathFactory, plain_analyzers: Callable, plain_learnt: Callable
):
    # Recurrent layers are slow to write; test_tag has them, without an export.
    given = NetworkOptions(layers=0, embedding_size=3, pooling=("mean", "max"))
    network = build(FEATURES, TASK, given, plain_learnt(VOCABULARIES))
    random = np.random.default_rng(4)
    network.set_weights([random.normal(0.0, 0.6, w.shape) for w in network.get_weights()])
    path = str(tmp_path_factory.mktemp("export"))
    transform = PlainTransform(plain_analyzers({"words": VOCABULARIES["words"]}))
    export.write(
        path, network, FEATURES, TASK, LABELS, {"label": SHARES}, {}, transform, {"name": "slots"}
    )
    loaded = tf.saved_model.load(path)
    loaded.path = path
    return loaded


def sent(rows: list[int], words: int = 0, waves: int = 0, filler: str = "") -> dict:
    """Dense tensors of some rows, at least so many steps wide."""
    width = max(words, *(len(WORDS[row]) for row in rows))
    padded = [WORDS[row] + [filler] * (width - len(WORDS[row])) for row in rows]
    steps = max(waves, *(len(WAVES[row]) for row in rows))
    wave = [WAVES[row] + [[float("nan")] * 2] * (steps - len(WAVES[row])) for row in rows]
    return {
        "words": tf.constant(padded),
        "words_length": tf.constant([len(WORDS[row]) for row in rows]),
        "wave": tf.constant(wave, tf.float32),
        "wave_length": tf.constant([len(WAVES[row]) for row in rows]),
    }


def ask(loaded, inputs: dict) -> dict[str, np.ndarray]:
    answer = loaded.signatures["serving_default"](**inputs)
    return {name: value.numpy() for name, value in answer.items()}


def serialised() -> tf.Tensor:
    examples = []
    for words, wave in zip(WORDS, WAVES, strict=True):
        example = tf.train.Example()
        features = example.features.feature
        features["words"].bytes_list.value.extend(word.encode() for word in words)
        features["wave"].float_list.value.extend(np.ravel(wave))
        features["tags"].bytes_list.value.extend([b"O"] * len(words))
        examples.append(example.SerializeToString())
    return tf.constant(examples)


def test_what_goes_in_and_comes_out_is_named_and_dense(loaded) -> None:
    serving = loaded.signatures["serving_default"]
    given = serving.structured_input_signature[1]
    assert {name: (spec.shape.as_list(), spec.dtype) for name, spec in given.items()} == {
        "words": ([None, None], tf.string),
        "words_length": ([None], tf.int32),
        "wave": ([None, None, 2], tf.float32),
        "wave_length": ([None], tf.int32),
    }
    assert sorted(serving.structured_outputs) == ["labels", "length", "scores"]
    about = export.read_about(loaded.path)
    assert about["features"] == {
        "words": {"dtype": "string", "shape": [None], "nullable": False},
        "wave": {"dtype": "float", "shape": [None, 2], "nullable": False},
    }


def test_padding_never_changes_an_answer(loaded) -> None:
    together = ask(loaded, sent([0, 1, 2]))
    assert np.ptp(together["scores"][0]) > 0.001
    for row, words in enumerate(WORDS):
        for inputs in (sent([row]), sent([row], words=6, waves=7, filler="b")):
            alone = ask(loaded, inputs)
            assert alone["length"].tolist() == [len(words)]
            assert alone["labels"].shape == inputs["words"].shape
            for name in ("labels", "scores"):
                answered, other = alone[name][0], together[name][row]
                assert not any(answered[len(words) :])
                if name == "labels":
                    assert answered[: len(words)].tolist() == other[: len(words)].tolist()
                else:
                    np.testing.assert_allclose(
                        answered[: len(words)], other[: len(words)], rtol=1e-5
                    )


def test_dense_tensors_and_serialised_examples_are_answered_alike(loaded) -> None:
    expected = ask(loaded, sent([0, 1, 2]))
    for name in ("examples", "evaluate"):
        came = loaded.signatures[name](serialised())
        assert came["labels"].numpy().tolist() == expected["labels"].tolist()
        assert came["length"].numpy().tolist() == [3, 1, 2]
        np.testing.assert_allclose(came["scores"], expected["scores"], rtol=1e-5)
    np.testing.assert_array_equal(came["baseline_all_scores"].numpy()[2, 1], SHARES)
    assert came["baseline_labels"].numpy()[1].tolist() == [b"O", b"", b""]
    assert came["baseline_names"].numpy().tolist() == [[b"O", b"B"]] * 3


def test_a_row_without_steps_is_answered_as_one_unknown_token(loaded) -> None:
    empty = {"words": tf.zeros([1, 0], tf.string), "words_length": tf.constant([0])}
    unknown = {"words": tf.constant([["never seen"]]), "words_length": tf.constant([1])}
    wave = {name: value for name, value in sent([0]).items() if name.startswith("wave")}
    np.testing.assert_array_equal(
        ask(loaded, empty | wave)["scores"], ask(loaded, unknown | wave)["scores"]
    )


@pytest.mark.parametrize("length", [-1, 4])
def test_a_length_that_does_not_fit_is_refused(loaded, length: int) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="words_length"):
        ask(loaded, sent([0]) | {"words_length": tf.constant([length])})
