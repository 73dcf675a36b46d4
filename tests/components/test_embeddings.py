"""What the Embeddings node does with files: counts of ids, copies from elsewhere, its artifact."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.embeddings.artifact import (
    read_coverage,
    read_matrix,
    write_coverage,
    write_matrix,
)
from components.embeddings.component import BATCH_ROWS, id_counts, local_copy
from components.embeddings.coverage import Coverage
from components.embeddings.vectors import opened
from components.errors import DataError


def test_ids_are_counted_over_all_files_and_batches(tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    seen = {"text": [], "words": []}
    for part, rows in enumerate((3, BATCH_ROWS + 5)):
        file = str(tmp_path / f"transformed_examples-{part}.gz")
        with tf.io.TFRecordWriter(file, "GZIP") as writer:
            for _ in range(rows):
                features = {}
                for name, most in (("text", 9 + 20 * part), ("words", 4)):
                    ids = source.integers(1, most, source.integers(1, 6))
                    seen[name] += ids.tolist()
                    features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=ids))
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())
    ragged = tf.io.RaggedFeature(tf.int64)
    counts = id_counts(str(tmp_path), {"text": ragged, "words": ragged})
    for name, ids in seen.items():
        np.testing.assert_array_equal(counts[name], np.bincount(ids))


def test_a_file_elsewhere_is_copied_and_removed_again() -> None:
    remote = "ram://vectors/v.txt"
    with tf.io.gfile.GFile(remote, "w") as file:
        file.write("a 1 2\n")
    with local_copy(remote) as path, opened(path) as stream:
        assert stream.read() == b"a 1 2\n"
    assert not Path(path).exists()
    with local_copy("/here/v.txt") as path:
        assert path == "/here/v.txt"
    absent = local_copy("ram://vectors/none.txt")
    with pytest.raises(DataError, match=r"ram://vectors/none\.txt: cannot be read"):
        absent.__enter__()


def test_artifact_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = str(tmp_path / "embeddings")
    matrix = np.arange(6, dtype=np.float32).reshape(3, 2)
    coverage = Coverage("text", "v.txt", 2, 1, 1, 5, 4, (("größe", 1),))
    write_matrix(folder, "text", matrix)
    write_coverage(folder, [coverage])
    read = read_matrix(folder, "text")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, matrix)
    assert read_coverage(folder) == {"text": coverage.to_dict()}
    assert read_coverage(None) == {}
