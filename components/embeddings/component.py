"""The Embeddings node: between Transform, whose vocabulary it reads, and the Trainer."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils
from tfx.types.experimental.simple_artifacts import File
from tfx.types.standard_artifacts import Examples, TransformGraph

from components.embeddings.artifact import write_coverage, write_matrix
from components.embeddings.coverage import coverage_of
from components.embeddings.files import check_size, is_remote
from components.embeddings.matrix import build
from components.embeddings.spec import EmbeddingsConfig
from components.errors import DataError
from components.progress import Covered, VectorsRead, report
from components.transform import TftLearnt

BATCH_ROWS = 1024


def write_embeddings(
    config: EmbeddingsConfig, transform_graph: str, train_split: str, folder: str
) -> None:
    """Writes a matrix a feature, and the coverage of all.

    Args:
        config: the node's share of the experiment.
        transform_graph: folder of Transform's ``transform_graph``.
        train_split: folder of the transformed rows of the train split.
        folder: to write to.

    Raises:
        DataError: a file of vectors cannot be used.
    """
    output = tft.TFTransformOutput(transform_graph)
    learnt = TftLearnt(output)
    spec = output.transformed_feature_spec()
    counts = id_counts(train_split, {name: spec[name] for name in config.features})
    coverage = []
    for name, feature in config.features.items():
        options, vocabulary = feature.vectors, learnt.vocabulary(name)

        def tell(words: int, file: str = options.file) -> None:
            report(VectorsRead(file, words))

        with local_copy(options.file) as path:
            first = feature.first_token
            matrix, found = build(options, path, vocabulary, config.seed, tell, first)
        size = matrix.shape[1]
        check_size(config, name, size)
        write_matrix(folder, name, matrix)
        occurring = np.zeros(len(matrix), np.int64)
        occurring[: len(counts[name])] = counts[name]
        coverage.append(coverage_of(name, options, vocabulary, found, occurring, size, first))
        report(Covered(coverage[-1]))
    write_coverage(folder, coverage)


def id_counts(split: str, spec: Mapping[str, tf.io.RaggedFeature]) -> dict[str, np.ndarray]:
    """How often each id occurs in transformed rows, by feature: int64 ``[largest id + 1]``."""
    files = sorted(tf.io.gfile.glob(os.path.join(split, "*")))
    counts = {name: np.zeros(0, np.int64) for name in spec}
    for rows in tf.data.TFRecordDataset(files, "GZIP").batch(BATCH_ROWS):
        for name, ids in tf.io.parse_example(rows, dict(spec)).items():
            more = np.bincount(ids.flat_values.numpy(), minlength=len(counts[name]))
            more[: len(counts[name])] += counts[name]
            counts[name] = more
    return counts


@contextmanager
def local_copy(path: str) -> Iterator[str]:
    """A file as one of this machine's, since remote ones cannot be read by lines of any length.

    Raises:
        DataError: a remote file cannot be read.
    """
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copied = os.path.join(folder, os.path.basename(path))
        try:
            tf.io.gfile.copy(path, copied)
        except tf.errors.OpError as error:
            raise DataError(f"{path}: cannot be read: {error.message}") from error
        yield copied


@component
def Embeddings(
    transform_graph: InputArtifact[TransformGraph],
    examples: InputArtifact[Examples],
    embeddings: OutputArtifact[File],
    config: Parameter[str],
):
    """Writes the matrices; ``config`` is an ``EmbeddingsConfig`` as JSON."""
    (train,) = artifact_utils.get_split_uris([examples], "train")
    write_embeddings(
        EmbeddingsConfig.model_validate_json(config), transform_graph.uri, train, embeddings.uri
    )
