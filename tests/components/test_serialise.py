"""A raw value on its way: into a tf.Example and out of it, to a client's arrays and back."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.options import DataOptions
from components.ingest.rows import Example
from components.ingest.serialise import Serialiser
from components.read import list_of, value_of
from components.spec import IngestConfig, SchemaConfig
from components.validate.schema import schema_of
from models import export
from models.features.sequences import raw_tensor
from models.options import FeatureOptions
from models.raw import Raw
from models.sent import sent
from models.tasks.classify import Options as Classify

TASK = Classify(kind="classify", label="answer")


class Plain(FeatureOptions):
    """A feature of any form."""

    form: Raw

    @property
    def raw(self) -> Raw:
        return self.form


FORMS: dict[str, tuple[Raw, list[Any]]] = {
    "string": (Raw(dtype="string"), ["größe", ""]),
    "bytes": (Raw(dtype="bytes"), [b"\xff\x00\n", b"RIFF"]),
    "float": (Raw(dtype="float"), [1.5, -2.0]),
    "strings": (Raw(dtype="string", shape=(None,)), [["a", "b"], ["c"]]),
    "files": (Raw(dtype="bytes", shape=(None,)), [[b"\xff"], [b"", b"x"]]),
    "numbers": (Raw(dtype="float", shape=(None,)), [[1.0], [2.0, 3.0]]),
    "vectors": (Raw(dtype="float", shape=(None, 2)), [[[1.0, 2.0]], [[3.0, 4.0]] * 2]),
    "pixels": (Raw(dtype="float", shape=(1, 2, 1)), [[[[1.0], [2.0]]], [[[3.0], [4.0]]]]),
    "turns": (Raw(dtype="string", shape=(None, None)), [[["a", "b"], []], [["c"]]]),
    "vectors of turns": (
        Raw(dtype="float", shape=(None, None, 2)),
        [[[[1.0, 2.0]], []], [[[3.0, 4.0], [5.0, 6.0]]]],
    ),
    "hypotheses": (
        Raw(dtype="string", shape=(None, None, None)),
        [[[["a"], ["b", "c"]], []], [[[], ["d"]]]],
    ),
}


def serialised(form: Raw, values: list[Any]) -> list[bytes]:
    options = Plain(kind="plain", form=form)
    # The options of a kind of one's own cannot be parsed, only given.
    config = IngestConfig.model_construct(
        data=DataOptions(path="rows", format="jsonl"),
        features={"x": options},
        task=TASK,
        contents={},
        code="",
    )
    serialise = Serialiser(config)
    return [
        serialise(
            Example(
                "train",
                {TASK.label: "a"},
                {"x": options.read_present("x", value)},
                *({}, None, None, None, b""),
            ),
            "rows:1",
        )
        for value in values
    ]


def rows_of(tensor: Any) -> list[Any]:
    return tensor.to_list() if isinstance(tensor, tf.RaggedTensor) else tensor.numpy().tolist()


@pytest.mark.parametrize("name", FORMS)
def test_an_example_holds_a_value_as_it_is(name: str) -> None:
    form, values = FORMS[name]
    examples = serialised(form, values)
    parsed = export.parsed(tf.constant(examples), {"x": Plain(kind="plain", form=form)})["x"]
    expected = raw_tensor(form, values)
    assert rows_of(parsed) == rows_of(expected)
    assert parsed.shape.as_list()[1:] == expected.shape.as_list()[1:]
    for example, value in zip(map(tf.train.Example.FromString, examples), values, strict=True):
        assert list_of(example, "x", form) == value
        found = value_of(example, "x", form)
        assert (found.tolist() if isinstance(found, np.ndarray) else found) == value


@pytest.mark.parametrize("name", [name for name, (form, _) in FORMS.items() if form.is_sequence])
def test_what_a_client_pads_comes_out_without(name: str) -> None:
    form, values = FORMS[name]
    raw_specs = export.sent_specs("x", form)
    for value in values:
        inputs = sent("x", form, value)
        assert set(inputs) == set(raw_specs)
        tensors = {
            key: tf.constant(_decoded(part), raw_specs[key].dtype, shape=None)[None]
            if np.size(part)
            else tf.zeros([1, *np.shape(part)], raw_specs[key].dtype)
            for key, part in inputs.items()
        }
        wide = dict(tensors)
        # Whatever stands in the padding, and however much of it there is.
        filler = {tf.string: "?", tf.float32: float("nan")}[raw_specs["x"].dtype]
        axes = [[0, 0]] + [[0, 2]] * form.ragged_rank + [[0, 0]] * len(form.inner)
        wide["x"] = tf.pad(tensors["x"], axes, constant_values=filler)
        for axis, key in enumerate(list(raw_specs)[1:]):
            wide[key] = tf.pad(tensors[key], [[0, 0]] + [[0, 2]] * axis, constant_values=7)
        for tried in (tensors, wide):
            assert rows_of(export.received("x", form, tried)) == rows_of(raw_tensor(form, [value]))


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(part) for part in value]
    if isinstance(value, dict):
        return Raw(dtype="bytes").read("x", value)
    return value


def test_inner_lengths_that_do_not_fit_are_refused() -> None:
    form = FORMS["turns"][0]
    given = {"x": tf.constant([[["a", "b"], ["c", "d"]]]), "x_length": tf.constant([2])}
    for lengths, message in (
        ([[1, 3]], "x_length_2: a length is below 0 or above the steps sent in x"),
        ([[1, -1]], "x_length_2: a length is below 0"),
        ([[1]], "x_length_2: is not as wide as x"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            export.received("x", form, given | {"x_length_2": tf.constant(lengths)})


texts = st.text(st.characters(codec="utf-8"), max_size=4)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.lists(texts, max_size=3), max_size=3), min_size=1, max_size=3))
def test_any_sequences_of_sequences_survive(value: list[list[list[str]]]) -> None:
    form = FORMS["hypotheses"][0]
    (example,) = serialised(form, [value])
    assert list_of(tf.train.Example.FromString(example), "x", form) == value
    parsed = export.parsed(tf.constant([example]), {"x": Plain(kind="plain", form=form)})["x"]
    assert [[[[t.decode() for t in c] for c in b] for b in a] for a in parsed.to_list()] == [value]


def test_the_schema_states_what_examples_hold() -> None:
    raw = {name.replace(" ", "_"): form for name, (form, _) in FORMS.items()}
    schema = schema_of(SchemaConfig(raw=raw, grouped=False, code=""))
    features = {feature.name: feature for feature in schema.feature}
    assert {name for name in features if "$" in name} == {
        "turns$row_lengths_1",
        "vectors_of_turns$row_lengths_1",
        "hypotheses$row_lengths_1",
        "hypotheses$row_lengths_2",
    }
    group = schema.tensor_representation_group[""].tensor_representation
    assert not any("$" in name for name in group)
    partitions = group["vectors_of_turns"].ragged_tensor.partition
    assert [part.row_length or part.uniform_row_length for part in partitions] == [
        "vectors_of_turns$row_lengths_1",
        2,
    ]
    sizes = [dim.size for dim in group["pixels"].dense_tensor.shape.dim]
    assert sizes == [dim.size for dim in features["pixels"].shape.dim] == [1, 2, 1]
    assert features["turns"].value_count.min == 0 and features["vectors"].value_count.min == 2
