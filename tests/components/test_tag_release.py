"""A tagger's release: spans of rows of different lengths summed by any worker, and the table."""

import json

import numpy as np
import pytest

from components.evaluate import gate
from components.evaluate.metric import TABLE, StatisticsCombiner, metric_names
from components.spec import ID_FEATURE, EvaluateConfig, ReleaseOptions
from models.tasks.tag import Options

TASK = Options(kind="tag", label="tags", aligned_with="words", spans="bio", sequence_label="intent")
LABELS = ["O", "B-city", "I-city", "B-day"]
ROWS = [
    (["B-city", "I-city", "O"], ["B-city", "I-city", "O"], "fly", "fly"),
    (["B-day"], ["B-city"], "fly", "ask"),
    (["O", "B-day"], ["O", "B-day"], "ask", "fly"),
]


class FakeInputs:
    """A row as TFMA hands it to a combiner; the baseline answers O."""

    def __init__(self, place: int) -> None:
        truth, answer, intent, given = ROWS[place]
        self.features = {
            ID_FEATURE: np.array([f"rows:{place}".encode()], object),
            "tags": np.array([tag.encode() for tag in truth], object),
            "intent": np.array([intent.encode()], object),
        }
        self.answers = {"": (answer, given), "baseline_": (["O"] * len(truth), "fly")}

    def get_predictions(self, model_name: str) -> dict[str, np.ndarray]:
        outputs: dict[str, np.ndarray] = {}
        for prefix, (tags, intent) in self.answers.items():
            sure = np.array([[float(name == tag) for name in LABELS] for tag in tags])
            outputs |= {
                f"{prefix}labels": np.array([tag.encode() for tag in tags], object),
                f"{prefix}length": np.array(len(tags)),
                f"{prefix}names": np.array([name.encode() for name in LABELS], object),
                f"{prefix}all_scores": sure,
                f"{prefix}sequence_label": np.array(intent.encode(), object),
                f"{prefix}sequence_names": np.array([b"fly", b"ask"], object),
                f"{prefix}sequence_scores": np.array([0.75, 0.25]),
            }
        return outputs


def test_workers_add_up_spans_and_what_stands_in_the_table() -> None:
    config = EvaluateConfig(task=TASK, release=ReleaseOptions(), grouped=False, code="")
    combiner = StatisticsCombiner(config.to_json(), gate.CANDIDATE)
    combiner.setup()
    parts = []
    for places in ((0, 1), (2,)):
        sums = combiner.create_accumulator()
        for place in places:
            sums = combiner.add_input(sums, FakeInputs(place))
        parts.append(sums)
    merged = combiner.merge_accumulators(parts)
    found = {key.name: value for key, value in combiner.extract_output(merged).items()}
    assert list(found) == metric_names(config)
    assert found["span_f1"] == pytest.approx(2 / 3) and found["span_f1_baseline"] == 0.0
    assert found["token_accuracy"] == pytest.approx(5 / 6)
    assert found["sentence_accuracy"] == pytest.approx(1 / 3)
    assert found["sequence_label_accuracy"] == pytest.approx(1 / 3)
    assert found["sequence_label_log_loss"] == pytest.approx(-np.log([0.75, 0.75, 0.25]).mean())
    table = json.loads(found[TABLE])
    assert table["city"] == {
        "precision": 0.5,
        "recall": 1.0,
        "f1": pytest.approx(2 / 3),
        "count": 1,
    }
    assert table["day"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "count": 2}
