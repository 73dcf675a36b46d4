"""The network of a forecast: padding, scales, what is missing, residuals, decoders, covariates."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.baselines.forecasts import persistence, seasonal_naive
from models.features.categorical import Options as Categorical
from models.features.numeric import Options as Numeric
from models.features.series import Options as Series
from models.spec import NetworkOptions
from models.tasks.forecast import Options
from models.tasks.forecast.heads import head_of
from models.tasks.forecast.layers import ScaledWindow
from models.tasks.forecast.network import build
from models.tasks.forecast.scaling import context_of, continued, moments

HORIZON = 4
VOCABULARIES = {"shop": ["a", "b"]}


def features(depth: int = 1, masked: bool = False) -> dict[str, Any]:
    missing = "mask" if masked else None
    return {
        "context": Series(kind="series", scale="none", depth=depth, missing=missing),
        "price": Series(kind="series"),
        "shop": Categorical(kind="categorical"),
        "area": Numeric(kind="numeric"),
    }


def batch(lengths: list[int], depth: int = 1, masked: bool = False) -> dict[str, np.ndarray]:
    random = np.random.default_rng(4)
    time, rows = max(lengths), len(lengths)
    values = np.cumsum(random.normal(3.0, 4.0, (rows, time, depth)), axis=1) + 100.0
    if masked:
        known = random.random(values.shape) < 0.7
        values = np.concatenate([np.where(known, values, 0.0), known], axis=-1)
    return {
        "context": values.astype(np.float32),
        "context_length": np.array(lengths, np.int32),
        "price": random.normal(size=(rows, time + HORIZON, 1)).astype(np.float32),
        "price_length": np.array(lengths, np.int32) + HORIZON,
        "shop": random.integers(0, 3, rows).astype(np.int32),
        "area": random.normal(size=rows).astype(np.float32),
    }


def made(
    plain_learnt: Callable,
    stated: dict[str, Any],
    depth: int = 1,
    masked: bool = False,
    network: dict[str, Any] | None = None,
) -> tuple[keras.Model, Options]:
    given = features(depth, masked)
    task = Options(**{"kind": "forecast", "horizon": HORIZON} | stated).bound(given)
    options = NetworkOptions(**{"cell": "gru", "units": 5, "embedding_size": 3} | (network or {}))
    model = build(given, task, options, plain_learnt(VOCABULARIES))
    random = np.random.default_rng(1)
    model.set_weights([random.normal(0.0, 0.5, w.shape) for w in model.get_weights()])
    return model, task


CASES: dict[str, tuple[dict[str, Any], int, bool]] = {
    "point": ({"linear": 3, "residual": "seasonal", "season": 3, "known": ["price"]}, 1, False),
    "channels": ({"scale": "standard", "channels": [2, 0], "linear": 9}, 3, False),
    "masked": ({"scale": "seasonal", "season": 2, "residual": "persistence", "linear": 2}, 2, True),
    "log": ({"log": True, "scale": "standard", "head": "quantiles", "linear": 2}, 1, False),
    "gaussian": ({"head": "gaussian", "decoding": "autoregressive", "known": ["price"]}, 2, False),
    "counts": ({"head": "negative_binomial", "decoding": "autoregressive"}, 1, True),
    "student": (
        {"head": "student_t", "decoding": "autoregressive", "residual": "persistence"},
        1,
        False,
    ),
}


QUICK = ("point", "masked")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=name, marks=() if name in QUICK else pytest.mark.slow)
        for name, case in CASES.items()
    ],
)
def test_padding_never_changes_an_answer(case: tuple, plain_learnt: Callable) -> None:
    stated, depth, masked = case
    model, task = made(plain_learnt, stated, depth, masked)
    lengths = [1, 9, 6]
    rows = batch(lengths, depth, masked)
    expected = model(rows).numpy()
    assert expected.shape[:3] == (3, HORIZON, task.width) and np.isfinite(expected).all()
    forecast = np.asarray(head_of(task).forecast(expected))
    assert np.ptp(forecast, axis=1).max() > 0.01, "the steps would be forecast alike anyway"
    wider = dict(rows)
    for name, value in (("context", 5.0), ("price", -7.0)):
        wider[name] = np.pad(rows[name], [(0, 0), (0, 3), (0, 0)], constant_values=value)
    np.testing.assert_allclose(model(wider), expected, rtol=2e-4, atol=1e-4)
    alone = {name: values[2:] for name, values in rows.items()}
    alone["context"] = alone["context"][:, : lengths[2]]
    alone["price"] = alone["price"][:, : lengths[2] + HORIZON]
    np.testing.assert_allclose(model(alone)[0], expected[2], rtol=2e-4, atol=1e-4)


@pytest.mark.parametrize("scale", ["mean", "standard", "balanced"])
def test_a_forecast_scales_with_its_window(scale: str, plain_learnt: Callable) -> None:
    model, _ = made(plain_learnt, {"scale": scale, "residual": "persistence", "season": 2})
    rows = batch([6, 6])
    larger = rows | {"context": rows["context"] * 1000.0}
    np.testing.assert_allclose(model(larger), model(rows).numpy() * 1000.0, rtol=1e-4)
    if scale != "mean":
        shifted = rows | {"context": rows["context"] + 50.0}
        away = (model(shifted) - model(rows)).numpy()[..., 0]
        np.testing.assert_allclose(away, 50.0, rtol=1e-3)


@pytest.mark.parametrize("scale", ["mean", "standard", "balanced", "none"])
def test_a_constant_series_has_a_finite_forecast_and_gradient(
    scale: str, plain_learnt: Callable
) -> None:
    model, task = made(plain_learnt, {"scale": scale, "residual": "persistence"})
    rows = batch([5, 5, 5])
    constant = np.array([0.0, 7.0, -3e6], np.float32)[:, None, None]
    rows["context"] = np.broadcast_to(constant, rows["context"].shape)
    with tf.GradientTape() as tape:
        answers = model(rows)
        truth = tf.broadcast_to(constant, (3, HORIZON, 1))
        lost = tf.reduce_sum(head_of(task).losses(truth, answers))
    gradients = tape.gradient(lost, model.trainable_variables)
    assert np.isfinite(answers).all()
    assert all(np.isfinite(tf.convert_to_tensor(g)).all() for g in gradients if g is not None)


def test_without_a_network_the_residual_is_what_goes_on(plain_learnt: Callable) -> None:
    for stated, reference in (
        ({"residual": "persistence"}, lambda c, n: persistence(c, HORIZON, n)),
        ({"residual": "seasonal", "season": 3}, lambda c, n: seasonal_naive(c, HORIZON, 3, n)),
    ):
        model, _ = made(plain_learnt, stated | {"linear": 2}, depth=2)
        model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
        rows = batch([3, 8], depth=2)
        expected = reference(rows["context"], rows["context_length"])
        np.testing.assert_allclose(model(rows).numpy()[..., 0], expected, rtol=1e-5)


def test_a_linear_map_reads_changes_from_a_season_before() -> None:
    given = {"kind": "forecast", "horizon": 1, "channels": [0], "scale": "none", "linear": 6}
    layer = ScaledWindow(Options(**given, season=2).to_json(), 1)
    values = np.array([[1, 2, 4, 8, 16, 32, 64], [10, 20, 40, 9, 9, 9, 9]], np.float32)[..., None]
    found = layer(values, np.array([7, 3]))
    assert found["tail"][:, 0].numpy().tolist() == [[2, 4, 8, 16, 32, 64], [0, 0, 0, 10, 20, 40]]
    # What came before the first step is not known, and no change from 0.
    assert found["changes"][:, 0].numpy().tolist() == [
        [6, 12, 24, 48, 32, 64],
        [0, 0, 0, 30, 20, 40],
    ]
    known = np.ones_like(values)
    known[1, 0] = 0.0
    masked = layer(np.concatenate([values * known, known], axis=-1), np.array([7, 3]))
    assert masked["changes"][1, 0].numpy().tolist() == [0, 0, 0, 0, 20, 40]
    plain = ScaledWindow(Options(**given).to_json(), 1)(values, np.array([7, 3]))
    np.testing.assert_array_equal(plain["changes"], found["tail"])


def test_what_is_known_ahead_changes_its_own_step(plain_learnt: Callable) -> None:
    for decoding, changed in (("direct", [2]), ("autoregressive", [2, 3])):
        model, _ = made(plain_learnt, {"known": ["price"], "decoding": decoding})
        rows = batch([5, 3])
        other = rows | {"price": rows["price"].copy()}
        other["price"][0, 5 + 2] += 1.0
        differs = np.abs(model(other) - model(rows))[..., 0] > 1e-6
        assert np.flatnonzero(differs[0, :, 0]).tolist() == changed and not differs[1].any()
        other["price"][0, 1] += 1.0
        assert (np.abs(model(other) - model(rows))[0, :, 0, 0] > 1e-6).all()


def test_static_features_and_what_was_missing_tell_something(plain_learnt: Callable) -> None:
    model, _ = made(plain_learnt, {}, masked=True)
    rows = batch([6], masked=True)
    for changed in ({"shop": (rows["shop"] + 1) % 3}, {"area": rows["area"] + 1.0}):
        assert np.abs(model(rows | changed) - model(rows)).max() > 1e-4
    ignored = rows["context"].copy()
    ignored[..., 0] = np.where(ignored[..., 1] > 0, ignored[..., 0], 0.0)
    np.testing.assert_array_equal(model(rows | {"context": ignored}), model(rows))


@pytest.mark.slow
def test_a_decoder_reads_its_own_forecasts_by_the_cell_and_is_written(
    plain_learnt: Callable, tmp_path: Any
) -> None:
    stated = {"decoding": "autoregressive", "residual": "persistence", "scale": "none"}
    for cell in ("elman", "lstm", "indrnn", "slstm"):
        network = {"cell": cell} | ({"heads": 1} if cell == "slstm" else {})
        model, _ = made(plain_learnt, stated, network=network)
        rows = batch([4, 2])
        # The decoder's own start, cell and words, step by step.
        decoder = model.get_layer("forecast.decoding").cell
        states = decoder.get_initial_state(2)
        said = []
        last = rows["context"][np.arange(2), rows["context_length"] - 1].astype(np.float32)
        vector = keras.Model(model.inputs, model.get_layer("_vector").output)(rows)
        inner = [
            model.get_layer(f"forecast.start.{place}")(vector) for place in range(len(states) - 1)
        ]
        forecast = tf.constant(last)
        for _ in range(HORIZON):
            state = inner if len(inner) > 1 else inner[0]
            output, inner = decoder.cell(tf.concat([last, forecast], axis=-1), state)
            inner = list(inner) if isinstance(inner, list | tuple) else [inner]
            forecast = decoder.said(output) + last
            said.append(forecast)
        found = model(rows).numpy()[..., 0]
        np.testing.assert_allclose(found, np.stack(said, axis=1), rtol=1e-4, atol=1e-3)
    model.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(again(rows), model(rows), rtol=1e-5)


def test_a_decoder_needs_a_cell_that_remembers(plain_learnt: Callable) -> None:
    with pytest.raises(ValueError, match="cell: none, which keeps nothing"):
        made(
            plain_learnt,
            {"decoding": "autoregressive"},
            network={"cell": "none", "pooling": ("mean",)},
        )


def test_what_goes_on_is_the_last_that_was_measured() -> None:
    values = np.array([[1.0, 2.0, 0.0, 4.0, 0.0, 9.0]], np.float32)[..., None]
    known = np.array([[1, 1, 0, 1, 0, 1]], np.float32)[..., None]
    context = context_of(np.concatenate([values, known], -1), np.array([5]), 1)
    assert continued(context, 3, 1).numpy().ravel().tolist() == [4.0, 4.0, 4.0]
    assert continued(context, 4, 3).numpy().ravel().tolist() == [2.0, 4.0, 4.0, 2.0]
    # A context shorter than the season has none.
    assert continued(context, 2, 9).numpy().ravel().tolist() == [4.0, 4.0]
    nothing = context_of(np.zeros((1, 4, 2), np.float32), np.array([4]), 1)
    assert continued(nothing, 2, 2).numpy().ravel().tolist() == [0.0, 0.0]
    assert [float(part[0, 0, 0]) for part in moments(nothing, "mean", 1)] == [0.0, 1.0]


def test_moments_are_those_of_what_was_measured() -> None:
    values = np.array([[4.0, 8.0, 0.0, 6.0, 99.0]], np.float32)[..., None]
    known = np.array([[1, 1, 0, 1, 1]], np.float32)[..., None]
    context = context_of(np.concatenate([values, known], -1), np.array([4]), 1)
    found = {
        scale: [float(part[0, 0, 0]) for part in moments(context, scale, 2)]
        for scale in ("none", "mean", "standard", "seasonal", "balanced")
    }
    assert found["none"] == [0.0, 1.0] and found["mean"] == [0.0, 6.0]
    assert found["standard"] == pytest.approx([6.0, np.std([4.0, 8.0, 6.0])])
    # Of steps two apart, 4 and the missing one, 8 and 6, only the latter are known.
    assert found["seasonal"] == [6.0, 2.0]
    assert found["balanced"][1] == pytest.approx((found["standard"][1] * 2.0) ** 0.5)


def test_features_of_all_shapes_stand_beside(plain_learnt: Callable) -> None:
    model, _ = made(plain_learnt, {}, network={"pooling": ("mean", "last"), "dropout": 0.1})
    names = {layer.name for layer in model.layers}
    assert {"_window", "_vector", "forecast.answers"} <= names
    # Both poolings of context and price, the shop's embedding, the area.
    assert model.get_layer("_vector").output.shape == (None, 2 * 5 + 2 * 5 + 3 + 1)
    assert model.output_shape == (None, HORIZON, 1, 2)
