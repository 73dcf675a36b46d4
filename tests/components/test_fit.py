"""What stands around the training loop: names of metrics, and the step size of each epoch."""

import pytest

from components.train.fit import OwnNames, rate_of
from models.spec import TrainingOptions


def test_metrics_have_the_tasks_names_whatever_the_outputs_are_called() -> None:
    logs = {
        "loss": 1.0,
        "label_loss": 0.5,
        "label_span_f1": 0.25,
        "val_label_span_f1": 0.75,
        "label.sequence_sequence_label_accuracy": 0.5,
    }
    OwnNames(("span_f1", "sequence_label_accuracy")).on_epoch_end(0, logs)
    assert logs == {
        "loss": 1.0,
        "label_loss": 0.5,
        "span_f1": 0.25,
        "val_span_f1": 0.75,
        "sequence_label_accuracy": 0.5,
    }
    alone = {"accuracy": 0.5, "token_accuracy": 0.25, "val_token_accuracy": 0.75}
    OwnNames(("accuracy", "token_accuracy")).on_epoch_end(0, alone)
    assert sorted(alone.values()) == [0.25, 0.5, 0.75] and "val_token_accuracy" in alone


def test_the_rate_falls_to_nothing_where_asked() -> None:
    falling = TrainingOptions(learning_rate=0.01, epochs=4, schedule="cosine")
    rates = [rate_of(falling, epoch) for epoch in range(5)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == 0.01 and rates[2] == pytest.approx(0.005) and rates[4] == pytest.approx(0)
