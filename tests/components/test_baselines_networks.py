"""The baselines that are networks answer as the experiment's network does: calibrated."""

from types import SimpleNamespace

import keras
import numpy as np
import tensorflow as tf

from components.baselines.train import _scores, calibrated
from models.spec import TrainingOptions
from models.tasks.classify import Options


def test_scores_are_calibrated_as_those_of_the_network_are() -> None:
    random = np.random.default_rng(0)
    shares = random.dirichlet(np.ones(3), 300)
    labels = np.array([random.choice(3, p=row) for row in shares])
    sure = shares**3 / (shares**3).sum(axis=1, keepdims=True)
    rows = tf.data.Dataset.from_tensor_slices(({"x": sure.astype(np.float32)}, labels))
    given = keras.Input([3], name="x")
    network = keras.Model({"x": given}, given)

    def answered(calibrate: bool) -> np.ndarray:
        ran = SimpleNamespace(
            task=Options(kind="classify", label="y", calibrate=calibrate),
            training_data=SimpleNamespace(batches=lambda *asked: (None, rows.batch(64))),
            transformed=lambda split: split,
            test=rows,
        )
        final = calibrated(ran, network, TrainingOptions())
        return np.stack(_scores(ran, network, final))

    np.testing.assert_allclose(answered(calibrate=False), sure, rtol=1e-5)
    found = answered(calibrate=True)
    losses = [-np.log(scores[np.arange(300), labels]).mean() for scores in (found, sure)]
    assert losses[0] < losses[1] - 0.1
    np.testing.assert_allclose(found, shares, atol=0.1)
