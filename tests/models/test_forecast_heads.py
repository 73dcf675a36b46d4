"""What a forecast is made of: likelihoods and quantiles as SciPy has them, losses, and masks."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from models.tasks.forecast import Options
from models.tasks.forecast.heads import Gaussian, NegativeBinomial, Point, Quantiles, StudentT
from models.tasks.forecast.losses import ForecastLoss, MeanAbsoluteError

LEVELS = (0.01, 0.1, 0.5, 0.9, 0.999)


def parameters() -> dict[str, np.ndarray]:
    """``[a, b, c]`` values of each parameter, all with all."""
    middle, spread, freedom = np.meshgrid([-3.0, 0.5, 40.0], [0.1, 2.0], [2.1, 5.0, 200.0])
    return {"middle": middle, "spread": spread, "freedom": freedom}


def stacked(*parts: np.ndarray) -> tf.Tensor:
    return tf.constant(np.stack(parts, axis=-1), tf.float32)


def test_a_normal_distribution_is_scipys() -> None:
    given = parameters()
    answers = stacked(given["middle"], given["spread"])
    reference = scipy.stats.norm(given["middle"], given["spread"])
    truth = given["middle"] + 1.5 * given["spread"]
    np.testing.assert_allclose(
        Gaussian().losses(tf.constant(truth, tf.float32), answers),
        -reference.logpdf(truth),
        rtol=1e-4,
    )
    for place, level in enumerate(LEVELS):
        found = Gaussian().quantiles(answers, LEVELS)[..., place]
        np.testing.assert_allclose(found, reference.ppf(level), rtol=1e-5, atol=1e-5)


def test_students_t_is_scipys() -> None:
    given = parameters()
    answers = stacked(*given.values())
    reference = scipy.stats.t(given["freedom"], given["middle"], given["spread"])
    for away in (-7.0, 0.0, 1.5):
        truth = given["middle"] + away * given["spread"]
        np.testing.assert_allclose(
            StudentT().losses(tf.constant(truth, tf.float32), answers),
            -reference.logpdf(truth),
            rtol=1e-3,
            atol=1e-4,
        )
    found = StudentT().quantiles(answers, LEVELS)
    for place, level in enumerate(LEVELS):
        np.testing.assert_allclose(found[..., place], reference.ppf(level), rtol=1e-4, atol=1e-5)


def test_a_negative_binomial_is_scipys() -> None:
    mean, dispersion = np.meshgrid([0.05, 1.0, 30.0, 4000.0], [0.01, 0.5, 3.0])
    answers = stacked(mean, dispersion)
    shape = 1.0 / dispersion
    reference = scipy.stats.nbinom(shape, shape / (shape + mean))
    for truth in (0, 3, 60):
        np.testing.assert_allclose(
            NegativeBinomial().losses(tf.fill(mean.shape, float(truth)), answers),
            -reference.logpmf(truth),
            rtol=2e-3,
            atol=2e-3,
        )
    found = NegativeBinomial().quantiles(answers, LEVELS)
    for place, level in enumerate(LEVELS):
        # The parameters were rounded to float32.
        np.testing.assert_allclose(found[..., place], reference.ppf(level), atol=1.0)


@pytest.mark.parametrize(
    "head", [Gaussian(), StudentT(), NegativeBinomial(), Point("mae"), Quantiles((0.1, 0.5, 0.9))]
)
def test_answers_are_the_raw_numbers_in_original_units(head: object) -> None:
    random = np.random.default_rng(0)
    raw = tf.constant(random.normal(size=(4, 2, 3, head.size)), tf.float32)
    continued = tf.constant(random.normal(size=(4, 2, 3)), tf.float32)
    counts = isinstance(head, NegativeBinomial)
    location, scale = tf.fill((4, 2, 3), 0.0 if counts else 50.0), tf.fill((4, 2, 3), 10.0)
    answers = head.answers(raw, continued, location, scale)
    added = 0.0 if counts else continued
    expected = (head.point(raw) + added) * scale + location
    np.testing.assert_allclose(head.forecast(answers), expected, rtol=1e-4, atol=1e-3)
    certain = head.certain(tf.constant([3.0, 40.0]))
    assert certain.shape[-1] == answers.shape[-1]
    np.testing.assert_allclose(head.forecast(certain), [3.0, 40.0], rtol=1e-4)
    if not isinstance(head, Point):
        quantiles = head.quantiles(answers, (0.1, 0.5, 0.9))
        assert (np.diff(quantiles, axis=-1) >= 0).all()
        spread = head.quantiles(certain, (0.1, 0.5, 0.9))
        expected = scipy.stats.poisson([[3.0], [40.0]]).ppf([0.1, 0.5, 0.9])
        expected = expected if counts else np.array([[3.0], [40.0]])
        np.testing.assert_allclose(spread, np.broadcast_to(expected, (2, 3)), rtol=1e-4)


def test_quantiles_do_not_cross_and_lose_by_the_pinball() -> None:
    levels = (0.05, 0.3, 0.5, 0.6, 0.95)
    head = Quantiles(levels)
    raw = tf.random.stateless_normal((7, 5), (1, 2)) * 3.0
    answers = head.answers(raw, tf.zeros(7), tf.fill([7], 2.0), tf.fill([7], 4.0))
    values = head.quantiles(answers, levels).numpy()
    assert (np.diff(values, axis=-1) > 0).all()
    truth = np.linspace(-5.0, 9.0, 7, dtype=np.float32)
    away = (truth[:, None] - values) / 4.0
    expected = np.where(away > 0, np.array(levels) * away, (np.array(levels) - 1) * away).mean(-1)
    np.testing.assert_allclose(head.losses(truth, answers), expected, rtol=1e-5)
    with pytest.raises(ValueError, match="learnt are"):
        head.quantiles(answers, (0.5,))


@pytest.mark.parametrize(
    ("loss", "expected"), [("mae", [0.5, 2.0]), ("mse", [0.25, 4.0]), ("huber", [0.125, 1.5])]
)
def test_points_lose_by_errors_in_units_of_the_scale(loss: str, expected: list[float]) -> None:
    answers = tf.constant([[10.0, 4.0], [10.0, 4.0]])
    found = Point(loss).losses(tf.constant([12.0, 2.0]), answers)
    np.testing.assert_allclose(found, expected)
    logarithms = Point(loss, log=True)
    answers = logarithms.answers(tf.constant([[1.0], [1.0]]), tf.zeros(2), tf.zeros(2), tf.ones(2))
    np.testing.assert_allclose(logarithms.forecast(answers), [np.e, np.e], rtol=1e-6)
    truth = tf.exp(tf.constant([1.5, -1.0]))
    np.testing.assert_allclose(logarithms.losses(truth, answers), expected, rtol=1e-5)


@pytest.mark.parametrize("head", ["point", "quantiles", "gaussian", "student_t"])
def test_a_missing_value_has_no_loss_and_no_gradient(head: str) -> None:
    task = Options(kind="forecast", horizon=2, channels=(0,), head=head, missing="mask")
    width = {"point": 2, "quantiles": 4, "gaussian": 2, "student_t": 3}[head]
    answers = tf.Variable(np.arange(1.0, 1.0 + 4 * width).reshape(2, 2, 1, width), dtype="float32")
    y = tf.constant([[3.0, np.nan], [np.nan, np.nan]])
    loss, metric = ForecastLoss(task.to_json()), MeanAbsoluteError(task.to_json())
    with tf.GradientTape() as tape:
        value = loss(y, answers)
    gradient = tape.gradient(value, answers).numpy()
    assert np.isfinite(value) and np.isfinite(gradient).all()
    assert gradient[0, 0].any() and not gradient[0, 1].any() and not gradient[1].any()
    metric.update_state(y, answers)
    forecast = answers[0, 0, 0, 1 if head == "quantiles" else 0]
    assert float(metric.result()) == pytest.approx(abs(3.0 - float(forecast)))


def test_losses_and_metrics_are_written_and_read() -> None:
    task = Options(kind="forecast", horizon=2, channels=(0,), head="gaussian")
    for made in (ForecastLoss(task.to_json()), MeanAbsoluteError(task.to_json())):
        again = type(made).from_config(made.get_config())
        answers = tf.ones((1, 2, 1, 2))
        assert float(again(tf.zeros((1, 2)), answers)) == float(made(tf.zeros((1, 2)), answers))
    assert isinstance(ForecastLoss(task.to_json()), keras.losses.Loss)
