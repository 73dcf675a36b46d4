"""Sequences of any kind's values: read, preprocessed and encoded a step at a time."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from media import png, wav

from models.export import network_inputs
from models.features import steps
from models.features.sequences import raw_tensor
from models.layers.sequence import Sequence
from models.options import FeatureOptions, options_class
from models.raw import Raw, RawError

VOCABULARIES = {"x": ["a", "b", "c"]}
PICTURE = png([[0, 51], [102, 255]])


def feature(kind: str, **options) -> FeatureOptions:
    return options_class("features", kind)(kind=kind, per_step=True, **options)


TEXT = feature("text", max_length=2)
FILLED = feature("text", missing="b b")
TOKENS = feature("tokens")
CATEGORY = feature("categorical")
NUMBER = feature("numeric")
MASKED = feature("numeric", missing="mask")
CONVOLVED = feature("text", encoder={"kind": "convolution", "units": 4, "embedding_size": 3})
RECURRENT = feature("tokens", encoder={"kind": "recurrent", "units": 3})
AUDIO = feature("audio", sample_rate=8000, mels=3)
IMAGE = feature("image", height=2, width=2)
ROWS: dict[str, tuple[FeatureOptions, list[Any]]] = {
    "text": (TEXT, [["a b c", "", "x"], ["c"]]),
    "filled": (FILLED, [["a", "", "x"], []]),
    "tokens": (TOKENS, [[["a", "b"], [], ["c"]], [["x"]]]),
    "convolved": (CONVOLVED, [["a b c a b", "", "x"], ["c"]]),
    "recurrent": (RECURRENT, [[["a", "b"], [], ["c"]], [["x"]]]),
    "category": (CATEGORY, [["a", "x", "b"], ["c"]]),
    "number": (NUMBER, [[10.0, 14.0, 6.0], [2.0]]),
    "masked": (MASKED, [[10.0, math.nan, 6.0], [math.nan]]),
    "audio": (AUDIO, [[wav(400), wav(300), wav(200)], [wav(900)]]),
    "image": (IMAGE, [[PICTURE, PICTURE, PICTURE], [PICTURE]]),
}


@pytest.fixture(scope="module")
def analyzers(plain_analyzers: Callable):
    return plain_analyzers(VOCABULARIES)


def preprocessed(options: FeatureOptions, rows: list[Any], analyzers) -> tf.RaggedTensor:
    return steps.preprocess(options, "x", raw_tensor(options.raw, rows), analyzers)["x"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text", [[[2, 3], [1], [1]], [[4]]]),
        ("filled", [[[2], [3, 3], [1]], [[3, 3]]]),
        ("tokens", [[[2, 3], [1], [4]], [[1]]]),
        ("category", [[1, 0, 2], [3]]),
        ("number", [[0.0, 1.0, -1.0], [-2.0]]),
        ("masked", [[[0.0, 1.0], [0.0, 0.0], [-1.0, 1.0]], [[0.0, 0.0]]]),
    ],
)
def test_each_step_is_preprocessed_as_a_row_of_its_own(name, expected, analyzers) -> None:
    options, rows = ROWS[name]
    assert preprocessed(options, rows, analyzers).to_list() == expected


def test_sound_and_pictures_keep_their_shape(analyzers) -> None:
    sound = preprocessed(*ROWS["audio"], analyzers)
    assert sound.ragged_rank == 2 and sound.shape.as_list() == [2, None, None, 3]
    picture = preprocessed(*ROWS["image"], analyzers)
    assert picture.ragged_rank == 1 and picture.shape.as_list() == [2, None, 2, 2]


@pytest.mark.parametrize("name", ROWS)
def test_a_row_without_steps_gets_one_that_says_nothing(name: str, analyzers) -> None:
    options, _ = ROWS[name]
    (found,) = preprocessed(options, [[]], analyzers).to_list()
    assert len(found) == 1
    if name == "filled":
        assert found == [[3, 3]]
    else:
        (value,) = {*np.ravel(found[0]).tolist()}
        assert value == (1 if options.kind in ("text", "tokens") else 0)


@pytest.mark.parametrize("name", ROWS)
def test_padding_never_changes_a_steps_vector(name: str, analyzers, plain_learnt) -> None:
    import keras

    options, rows = ROWS[name]
    inputs = steps.keras_inputs(options, "x")
    encoded = steps.encode(options, "x", inputs, plain_learnt(VOCABULARIES), 5)
    assert isinstance(encoded, Sequence)
    model = keras.Model(inputs, encoded.values)
    assert all("." in layer.name for layer in model.layers if layer.name not in inputs)
    together = network_inputs({"x": preprocessed(options, rows, analyzers)})
    assert set(together) == set(inputs)
    found = model(together).numpy()
    assert found.shape[:2] == (2, 3) and np.isfinite(found).all()
    for row, steps_there in enumerate((3, 1)):
        alone = network_inputs({"x": preprocessed(options, [rows[row]], analyzers)})
        one = model(alone).numpy()
        np.testing.assert_allclose(one[0], found[row, :steps_there], rtol=1e-5, atol=1e-6)
    wider = {
        key: tf.pad(value, [[0, 0], [0, 2]] + [[0, 0]] * (value.shape.rank - 2))
        if value.shape.rank > 1
        else value
        for key, value in together.items()
    }
    np.testing.assert_allclose(model(wider).numpy()[:, :3], found, rtol=1e-5, atol=1e-6)


def test_a_text_is_the_mean_of_its_tokens(analyzers, plain_learnt) -> None:
    import keras

    inputs = steps.keras_inputs(TEXT, "x")
    encoded = steps.encode(TEXT, "x", inputs, plain_learnt(VOCABULARIES), 4)
    model = keras.Model(inputs, encoded.values)
    matrix = model.get_layer("x.embedding").get_weights()[0]
    found = model(network_inputs({"x": preprocessed(TEXT, [["a b", "c"]], analyzers)})).numpy()
    np.testing.assert_allclose(found[0], [matrix[2:4].mean(axis=0), matrix[4]], rtol=1e-5)


def test_the_order_of_tokens_within_a_step_is_encoded_where_asked(analyzers, plain_learnt) -> None:
    import keras

    keras.utils.set_random_seed(2)
    for kind, width in (("mean", 4), ("convolution", 5), ("recurrent", 10)):
        units = {} if kind == "mean" else {"units": 5}
        options = feature("text", encoder={"kind": kind, "embedding_size": 4, **units})
        inputs = steps.keras_inputs(options, "x")
        encoded = steps.encode(options, "x", inputs, plain_learnt(VOCABULARIES), 7)
        model = keras.Model(inputs, encoded.values)
        given = preprocessed(options, [["a b c", "c b a", "a b c"]], analyzers)
        found = model(network_inputs({"x": given})).numpy()[0]
        assert found.shape == (3, width)
        np.testing.assert_allclose(found[0], found[2], rtol=1e-6)
        assert np.allclose(found[0], found[1], rtol=1e-4) == (kind == "mean")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"per_step": True, "encoder": {"units": 4}}, "units with kind: mean, which takes none"),
        (
            {"per_step": True, "encoder": {"kind": "recurrent", "kernel_size": 4}},
            "kernel_size with kind: recurrent.*write kind: convolution",
        ),
        ({"encoder": {"kind": "recurrent"}}, "within a step .add per_step: true"),
        ({"delimiter": ";"}, "texts a step each .add per_step: true"),
    ],
)
def test_options_of_steps_that_do_nothing_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        options_class("features", "text")(kind="text", **options)


@pytest.mark.parametrize(
    ("options", "came", "expected"),
    [
        (TEXT, ["a", ""], ["a", ""]),
        (feature("text", delimiter=" "), "new  york now", ["new", "york", "now"]),
        (feature("text", delimiter=";"), "new york;now", ["new york", "now"]),
        (feature("text", delimiter=";"), ["a;b", "c"], ["a;b", "c"]),
        (FILLED, ["a", None, ""], ["a", "b b", "b b"]),
        (FILLED, [], ["b b"]),
        (FILLED, None, ["b b"]),
        (TOKENS, [["a"], []], [["a"], []]),
        (NUMBER, ["1.5", 2], [1.5, 2.0]),
        (feature("numeric", missing=7), [None, "", 1], [7.0, 7.0, 1.0]),
        (CATEGORY, [1, True], ["1", "true"]),
    ],
    ids=str,
)
def test_lists_are_read_a_value_a_step(options, came, expected) -> None:
    assert options.read({"x": came}, "x") == expected


def test_missing_numbers_are_read_as_nan_where_masked() -> None:
    assert repr(MASKED.read({"x": [1, None, ""]}, "x")) == "[1.0, nan, nan]"
    assert repr(MASKED.read({}, "x")) == "[nan]"


@pytest.mark.parametrize(
    ("options", "came", "message"),
    [
        (TEXT, "a b", "field 'x': text came, where a list of strings is read"),
        (TEXT, ["a", ["b"]], r"field 'x\[1\]': a list came, where text is read"),
        (
            TEXT,
            [None],
            r"field 'x\[0\]' is empty \(give it a value, or set the feature's `missing:",
        ),
        (TEXT, [], "field 'x' is empty"),
        (TOKENS, [["a"], "b c"], None),
        (TOKENS, ["a", 3], r"field 'x\[1\]': a int came, where a list of strings is read"),
        (NUMBER, [1, "one"], r"field 'x\[1\]': 'one' came, where a finite number is read"),
        (NUMBER, [None], r"field 'x\[0\]' is empty"),
        (AUDIO, [b"no"], r"field 'x\[0\]': no wav file: it begins with b'no'"),
        (IMAGE, [PICTURE, b"no"], r"field 'x\[1\]': neither png nor jpeg"),
    ],
    ids=range(10),
)
def test_what_is_no_list_of_values_is_refused(options, came, message: str | None) -> None:
    if message is None:
        assert options.read({"x": came}, "x") == [["a"], ["b", "c"]]
        return
    with pytest.raises(RawError, match=message):
        options.read({"x": came}, "x")


def test_forms_and_tokens_are_those_of_a_sequence() -> None:
    assert TOKENS.raw == Raw(dtype="string", shape=(None, None))
    assert MASKED.raw == Raw(dtype="float", shape=(None,), nullable=True)
    assert TEXT.keeps_steps and TEXT.for_reading() == feature("text")
    assert TEXT.tokens_of(["a, b", "c"]) == ["a", ",", "b", "c"]
    assert NUMBER.tokens_of([1.0]) is None
