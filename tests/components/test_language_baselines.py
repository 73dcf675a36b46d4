"""Baselines of language models: judged on the pieces that the network predicts."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from task_cases import CASES, BuiltTask

from components.baselines import language
from models.asked import Asked
from models.tasks.generate.graph import judged_outputs


@pytest.mark.parametrize("case", ["generate", "the last pieces of chunks that overlap"])
def test_what_is_scored_is_what_the_network_predicts(case: str) -> None:
    built = BuiltTask(CASES[case])
    rows: Any = SimpleNamespace(task=built.task)
    asked = Asked(built.inputs(range(3)), {})
    met = []

    def figures(pieces: list[str]) -> tuple[np.ndarray, np.ndarray]:
        met.append(len(pieces))
        return np.full(len(pieces), -1.0), np.arange(len(pieces)) == len(pieces) - 1

    scores = language._scores(rows, asked, figures)
    own = judged_outputs(built.task, scores, [], asked)
    network = judged_outputs(built.task, built.scores(asked.inputs), built.label_names, asked)
    np.testing.assert_array_equal(own["steps"], network["steps"])
    np.testing.assert_array_equal(own["nats"], own["steps"])
    assert met == asked.inputs["line_length"].numpy().tolist()
    np.testing.assert_array_equal(own["right"], tf.ones(3))
