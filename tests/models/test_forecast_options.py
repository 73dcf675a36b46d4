"""Forecast: what its options allow, and which rows it takes."""

from typing import Any

import pytest
from pydantic import ValidationError

from models.features.categorical import Options as Categorical
from models.features.series import Options as Series
from models.raw import RawError
from models.tasks.forecast import Options

CONTEXT = Series(kind="series", scale="none")
FEATURES = {
    "context": CONTEXT,
    "price": Series(kind="series"),
    "shop": Categorical(kind="categorical"),
    "cut": Series(kind="series", max_length=3),
}


def task(**stated: Any) -> Options:
    return Options(**{"kind": "forecast", "horizon": 2} | stated)


def bound(depth: int = 1, **stated: Any) -> Options:
    given = task(**stated).bound(
        FEATURES | {"context": CONTEXT.model_copy(update={"depth": depth})}
    )
    assert Options.model_validate_json(given.to_json()) == given
    return given


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"quantiles": [0.5]}, "quantiles with head: point"),
        ({"head": "quantiles", "quantiles": [0.9, 0.5]}, "write the levels rising"),
        ({"head": "quantiles", "quantiles": [0.1, 0.9]}, "0.5 is missing"),
        ({"head": "gaussian", "loss": "mae"}, "gaussian has its own"),
        ({"head": "gaussian", "log": True, "scale": "standard"}, "not of head: gaussian"),
        ({"log": True, "scale": "mean"}, "write scale: standard, seasonal or balanced"),
        ({"head": "negative_binomial", "residual": "persistence"}, "says counts themselves"),
        ({"head": "negative_binomial", "scale": "standard"}, "says counts themselves"),
        ({"residual": "seasonal"}, "needs season"),
        ({"linear": 3, "decoding": "autoregressive"}, "take one of them out"),
        ({"naive2": "naive2"}, "needs seasonal_error"),
        ({"steps": [1, 3]}, "each once, from 1 to horizon: 2"),
        ({"metric": "mase"}, "is none of mae, rmse"),
        ({"head": "quantiles", "metric": "coverage"}, "'coverage' is best at 0.8, the share"),
        (
            {"head": "gaussian", "quantiles": [0.05, 0.95], "steps": [2], "metric": "coverage_2"},
            "'coverage_2' is best at 0.9",
        ),
        ({"horizon": 0}, "greater than or equal to 1"),
        ({"seasons": 24}, "Extra inputs"),
    ],
)
def test_options_that_do_not_go_together_are_refused(stated: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        task(**stated)


@pytest.mark.parametrize(
    ("features", "stated", "said"),
    [
        ({}, {"context": "price "}, "'price ' is no feature of kind series; those are: context"),
        ({}, {"context": "shop"}, "'shop' is no feature of kind series"),
        ({}, {"context": "price"}, "give the feature scale: none"),
        (
            {"context": Series(kind="series", scale="none", max_length=9)},
            {},
            "neither log1p nor max_length",
        ),
        ({}, {"channels": [0, 1]}, r"from 0 to 0 \(the depth of 'context' is 1\)"),
        ({}, {"known": ["shop"]}, "'shop' is no sequence feature beside the context; those are: "),
        ({}, {"known": ["context"]}, "is no sequence feature beside the context"),
        ({}, {"known": ["cut"]}, "leave out max_length"),
    ],
)
def test_features_that_do_not_go_with_it_are_refused(
    features: dict[str, Any], stated: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        task(**stated).bound(FEATURES | features)


@pytest.mark.parametrize(
    "stated",
    [
        {"log": True, "scale": "seasonal", "residual": "seasonal", "season": 3, "linear": 2},
        {"head": "negative_binomial", "scale": "none", "decoding": "autoregressive"},
        {"seasonal_error": "e", "naive2": "n", "steps": [1], "metric": "owa_1"},
        {"head": "quantiles", "quantiles": [0.2, 0.5], "missing": "mask"},
    ],
)
def test_what_reading_does_not_depend_on_can_be_left_out(stated: dict[str, Any]) -> None:
    reading = bound(**stated).for_reading()
    assert reading.targets == bound(**stated).targets
    assert (reading.residual, reading.metric) == ("none", "mae")


def test_the_form_of_the_label_follows_the_channels() -> None:
    assert bound().raw.shape == (2,)
    assert bound(3).raw.shape == (2, 3) and bound(3).channels == (0, 1, 2)
    assert bound(3, channels=[1]).raw.shape == (2,)
    named = bound(3, seasonal_error="e", naive2="n", channels=[2, 0])
    assert {name: form.shape for name, form in named.targets.items()} == {
        "target": (2, 2),
        "e": (2,),
        "n": (2, 2),
    }
    assert named.columns == {
        "task.label": "target",
        "task.seasonal_error": "e",
        "task.naive2": "n",
    }


def test_metrics_are_those_that_there_is_something_to_make_of() -> None:
    assert bound().metric_names == ("mae", "rmse", "smape", "rse", "corr")
    given = bound(seasonal_error="e", naive2="n", head="gaussian", steps=[2], metric="owa_2")
    of_all = ("mae", "rmse", "smape", "rse", "corr", "mase", "owa")
    of_all += ("weighted_quantile_loss", "coverage")
    assert given.metric_names == of_all + tuple(f"{name}_2" for name in of_all)
    assert given.release_metric == "owa_2"
    better = {name for name, up in given.higher_is_better.items() if up}
    assert better == {"corr", "coverage", "corr_2", "coverage_2"}
    assert given.direction("loss") == "min" and given.direction("mae") == "min"


@pytest.mark.parametrize(
    ("stated", "fields", "said"),
    [
        ({}, {"target": [1.0]}, "1 numbers came, where 2 numbers are read"),
        ({}, {"target": [1.0, None]}, "null|None"),
        ({}, {}, "has no field 'target'"),
        ({"missing": "mask"}, {"target": [None, None]}, "holds no number"),
        ({"head": "negative_binomial"}, {"target": [1, 0.5]}, "holds 0.5, and head: negative_bin"),
        ({"log": True, "scale": "standard"}, {"target": [1, 0]}, "holds 0, and log: true reads"),
        ({"seasonal_error": "e"}, {"target": [1, 2]}, "has no field 'e'"),
    ],
)
def test_labels_that_cannot_be_read_say_so(
    stated: dict[str, Any], fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(RawError, match=said):
        bound(**stated).read(fields)


def test_labels_and_figures_are_read_by_name() -> None:
    given = bound(missing="mask", seasonal_error="e", naive2="n")
    found = given.read({"target": [1, None], "e": None, "n": [3, 4], "other": "x"})
    assert str(found) == "{'target': [1.0, nan], 'e': nan, 'n': [3.0, 4.0]}"


@pytest.mark.parametrize(
    ("stated", "values", "said"),
    [
        ({}, {"context": []}, "'context' has no step that could be continued"),
        (
            {"known": ["price"]},
            {"context": [[1.0]], "price": [[1.0]] * 2},
            "'price' has 2 steps, where 1 of the context 'context' and horizon: 2 make 3",
        ),
        (
            {"log": True, "scale": "standard"},
            {"context": [[1.0], [-2.0]]},
            "feature 'context' holds -2",
        ),
    ],
)
def test_rows_that_do_not_go_with_it_are_refused(
    stated: dict[str, Any], values: dict[str, Any], said: str
) -> None:
    with pytest.raises(RawError, match=said):
        bound(**stated).check_row({"target": [1.0, 2.0]}, values)
