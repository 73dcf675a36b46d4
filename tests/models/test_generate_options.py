"""What a language model can be asked for, and what the rows have to have."""

from typing import Any

import pytest
from pydantic import ValidationError

from models.options import options_class
from models.raw import RawError
from models.spec import NetworkOptions
from models.tasks.generate import Options

TEXT = {"line": {"kind": "text"}}


def bound(task: dict[str, Any], features: dict[str, dict[str, Any]]) -> Options:
    read = {
        name: options_class("features", given["kind"]).model_validate(given)
        for name, given in features.items()
    }
    return Options(kind="generate", **task).bound(read)


@pytest.mark.parametrize(
    ("feature", "pieces", "metrics"),
    [
        ({"kind": "text"}, "words", {"perplexity", "nats", "accuracy"}),
        ({"kind": "text", "subwords": True}, "subwords", {"perplexity", "nats", "accuracy"}),
        (
            {"kind": "text", "tokens": "characters"},
            "characters",
            {"perplexity", "nats", "accuracy", "bits_per_character"},
        ),
        ({"kind": "tokens"}, "whitespace", {"perplexity", "nats", "accuracy"}),
        (
            {"kind": "series", "depth": 3, "scale": "none"},
            "sets",
            {"micro_f1", "exact_match", "nats"},
        ),
    ],
)
def test_the_feature_says_what_is_predicted(
    feature: dict[str, Any], pieces: str, metrics: set[str]
) -> None:
    task = bound({}, {"it": feature})
    assert (task.text, task.pieces, set(task.metric_names)) == ("it", pieces, metrics)
    assert task.release_metric in metrics
    assert task.label_problems({"train": {}}) == ([], [])


@pytest.mark.parametrize(
    ("task", "features", "message"),
    [
        ({}, {}, "has the features none"),
        ({}, {"a": {"kind": "text"}, "b": {"kind": "tokens"}}, "a language model reads one"),
        ({"text": "other"}, TEXT, "'other' is no feature; there is line"),
        ({}, {"line": {"kind": "categorical"}}, "of the kind categorical; what can be predicted"),
        ({}, {"line": {"kind": "text", "tokens": "bytes"}}, "write tokens: characters"),
        ({}, {"line": {"kind": "tokens", "unknown_buckets": 4}}, "has one unknown piece"),
        ({}, {"line": {"kind": "text", "per_step": True}}, "per_step: true"),
        ({}, {"x": {"kind": "series"}}, "write scale: none"),
        ({"samples": 3}, {"x": {"kind": "series", "scale": "none"}}, "samples: of pieces of text"),
        (
            {"writing": {"end": "."}},
            {"x": {"kind": "series", "scale": "none"}},
            r"writing\.end: a piece of text",
        ),
    ],
)
def test_features_that_cannot_be_predicted_are_refused(
    task: dict[str, Any], features: dict[str, dict[str, Any]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        bound(task, features)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"steps": 0}, "steps"),
        ({"last": 0}, "last"),
        ({"weight_dropout": 1.0}, "weight_dropout"),
        ({"writing": {"temperature": -1}}, "temperature"),
        ({"writing": {"top_p": 0.0}}, "top_p"),
        ({"writing": {"end": ""}}, "end"),
        ({"beam": 2}, "beam"),
    ],
)
def test_options_that_are_none_are_refused(task: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Options(kind="generate", **task)


def test_what_a_network_has_no_place_for_is_said() -> None:
    task = bound({}, TEXT)
    assert task.network_problems(NetworkOptions(layers=2, layer_dropout=0.2)) == {}
    problems = task.network_problems(NetworkOptions(bidirectional=True, layer_norm=True))
    assert set(problems) == {"bidirectional", "layer_norm"}


def test_a_chunk_has_a_stream_and_a_position() -> None:
    task = bound({}, TEXT)
    read = task.read({"line": "a", "stream": "x.txt:1", "position": 3})
    assert read == {"stream": "x.txt:1", "position": 3.0}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"line": "a", "position": 1}, r"no field 'stream' \(cut the data into chunks"),
        ({"line": "a", "stream": "x"}, "no field 'position'"),
        ({"line": "a", "stream": "x", "position": -1}, "is -1, where chunks count from 0"),
        ({"line": "a", "stream": "x", "position": 0.5}, "is 0.5, where chunks count from 0"),
        ({"line": "a", "stream": "x", "position": "last"}, "a finite number is read"),
        ({"line": "a", "stream": ["x"], "position": 1}, "a list came, where text is read"),
    ],
)
def test_a_row_that_is_no_chunk_says_why(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(RawError, match=message):
        bound({}, TEXT).read(fields)
