"""What Transform learns, by its own analyzers over rows."""

from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

from components.transform import TftAnalyzers, TftLearnt


@pytest.mark.slow
def test_strings_known_without_the_data_have_ranks_behind_those_that_were_learnt(
    tmp_path: Path,
) -> None:
    form = tf.io.RaggedFeature(tf.string, "goals", row_splits_dtype=tf.int64)
    metadata = tft.DatasetMetadata.from_feature_spec({"goals": form})
    further = ["dontcare", "thai", "greek"]

    def preprocess(inputs):
        found = TftAnalyzers().vocabulary(inputs["goals"], "label.food", None, further)
        return {"places": found.to_tensor(-9, shape=[None, 3])}

    train = [{"goals": ["none", "thai"]}, {"goals": ["none"]}]
    judged = [{"goals": ["greek", "none", "sushi"]}, {"goals": ["thai", "dontcare", "none"]}]
    with tft_beam.Context(temp_dir=str(tmp_path / "scratch")):
        graph = (train, metadata) | tft_beam.AnalyzeDataset(preprocess)
        (found, _) = ((judged, metadata), graph) | tft_beam.TransformDataset()
        graph | tft_beam.WriteTransformFn(str(tmp_path / "learnt"))
    assert [row["places"].tolist() for row in found] == [[3, 0, -1], [1, 2, 0]]
    learnt = TftLearnt(tft.TFTransformOutput(str(tmp_path / "learnt")))
    assert learnt.vocabulary("label.food") == ["none", "thai"]
