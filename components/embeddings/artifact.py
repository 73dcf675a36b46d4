"""The folder that the Embeddings node writes: a matrix a feature, and ``coverage.json``."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tfx import types
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import artifact_utils

from components.embeddings.coverage import Coverage
from components.embeddings.spec import EMBEDDINGS_KEY

COVERAGE = "coverage.json"


def write_matrix(folder: str, feature: str, matrix: np.ndarray) -> None:
    """Keeps a feature's matrix, float32 ``[ids, size]``."""
    tf.io.gfile.makedirs(folder)
    with tf.io.gfile.GFile(_path(folder, feature), "wb") as file:
        np.save(file, matrix, allow_pickle=False)


def read_matrix(folder: str, feature: str) -> np.ndarray:
    """A feature's matrix, float32 ``[ids, size]``."""
    with tf.io.gfile.GFile(_path(folder, feature), "rb") as file:
        return np.load(file, allow_pickle=False)


def write_coverage(folder: str, coverage: Sequence[Coverage]) -> None:
    """Keeps the coverage of each feature."""
    contents = {each.feature: each.to_dict() for each in coverage}
    with tf.io.gfile.GFile(os.path.join(folder, COVERAGE), "w") as file:
        file.write(json.dumps(contents, indent=1, ensure_ascii=False))


def read_coverage(folder: str | None) -> dict[str, Any]:
    """The coverage by feature, as ``Coverage.to_dict`` gives it; empty without a folder."""
    if folder is None:
        return {}
    with tf.io.gfile.GFile(os.path.join(folder, COVERAGE)) as file:
        return json.loads(file.read())


def with_embeddings(fn_args: FnArgs, inputs: Mapping[str, list[types.Artifact]]) -> FnArgs:
    """Tells a ``run_fn`` or ``tuner_fn`` where its node's embeddings are, if it reads any."""
    if inputs.get(EMBEDDINGS_KEY):
        folder = artifact_utils.get_single_uri(inputs[EMBEDDINGS_KEY])
        fn_args.custom_config = {**fn_args.custom_config, EMBEDDINGS_KEY: folder}
    return fn_args


def embeddings_folder(fn_args: FnArgs) -> str | None:
    """What ``with_embeddings`` told; None if there are none."""
    return fn_args.custom_config.get(EMBEDDINGS_KEY)


def _path(folder: str, feature: str) -> str:
    return os.path.join(folder, f"{feature}.npy")
