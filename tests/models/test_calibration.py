"""Calibration error against its definition, and temperatures against what they were made with."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tasks import calibration


def expected_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Guo et al. 2017, equation 3, bin by bin."""
    total, edges = 0.0, np.linspace(0.0, 1.0, calibration.BINS + 1)
    for bin in range(calibration.BINS):
        inside = (confidence > edges[bin]) & (confidence <= edges[bin + 1])
        if bin == 0:
            inside |= confidence == 0.0
        if inside.any():
            gap = abs(correct[inside].mean() - confidence[inside].mean())
            total += inside.sum() / len(confidence) * gap
    return total


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), answers=st.integers(1, 200))
def test_the_error_is_that_of_its_definition(seed: int, answers: int) -> None:
    random = np.random.default_rng(seed)
    confidence = random.random(answers)
    correct = random.random(answers) < confidence**2
    by_row = calibration.gaps(confidence[:, None], correct[:, None])
    assert by_row.shape == (answers, calibration.BINS)
    for sums in (by_row.sum(axis=0), calibration.gaps(confidence, correct)):
        found = calibration.calibration_error(sums, np.float64(answers))
        assert found == pytest.approx(expected_error(confidence, correct))


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_the_ends_fall_in_the_outer_bins(confidence: float) -> None:
    (found,) = calibration.gaps(np.array([[confidence]]), np.array([[True]]))
    assert found.sum() == 1.0 - confidence
    assert not np.delete(found, 0).any()


@pytest.mark.parametrize("heat", [0.4, 1.0, 3.0])
def test_a_temperature_that_scores_were_made_with_is_found(heat: float) -> None:
    random = np.random.default_rng(0)
    honest = random.dirichlet(np.ones(4), 4000)
    labels = (honest.cumsum(axis=1) > random.random((4000, 1))).argmax(axis=1)
    found = calibration.fitted(calibration.softened(honest, 1.0 / heat), labels)
    assert found["temperature"] == pytest.approx(heat, rel=0.08)
    each = random.random((2000, 3)) * 0.98 + 0.01
    present = random.random(each.shape) < each
    found = calibration.fitted_each(calibration.softened_each(each, 1.0 / heat), present)
    assert found["temperature"] == pytest.approx(heat, rel=0.08)
    assert found["log_loss_after"] <= found["log_loss_before"] + 1e-6


def test_a_split_without_a_fault_asks_for_no_certainty() -> None:
    labels = np.arange(20) % 2
    scores = np.where(labels[:, None] == np.arange(2), 0.9, 0.1)
    found = calibration.fitted(scores, labels)
    sure = calibration.softened(scores, float(found["temperature"])).max()
    # As if one row more had been answered wrongly.
    assert sure == pytest.approx(21 / 22, rel=1e-3)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 40), sureness=st.floats(0.1, 30.0))
def test_the_split_is_never_told_worse(seed: int, rows: int, sureness: float) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, rows)
    logits = random.normal(size=(rows, 3)) + sureness * (labels[:, None] == np.arange(3))
    scores = calibration.softened(np.exp(logits - logits.max(axis=1, keepdims=True)), 1.0)
    found = calibration.fitted(scores, labels)
    assert found["log_loss_after"] <= found["log_loss_before"] + 1e-9
    present = random.random((rows, 2)) < 0.5
    found = calibration.fitted_each(np.where(present, 0.6, 0.3) ** (1 / sureness), present)
    assert found["log_loss_after"] <= found["log_loss_before"] + 1e-9


def test_rows_without_a_label_and_no_rows_at_all_change_nothing() -> None:
    scores = np.array([[0.7, 0.3], [0.2, 0.8], [0.5, 0.5]])
    with_one = calibration.fitted(scores, np.array([0, 0, -1]))
    assert with_one == calibration.fitted(scores[:2], np.array([0, 0]))
    assert calibration.fitted(scores, np.array([-1, -1, -1]))["temperature"] == 1.0
    assert calibration.fitted_each(scores[:0], np.zeros((0, 2), bool))["temperature"] == 1.0
