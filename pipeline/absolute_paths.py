"""Where the relative paths of an experiment start: at its file, or where the command runs."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from models.features.vectors import features_with_vectors
from pipeline.yaml_positions import Path

if TYPE_CHECKING:
    from pipeline.experiment import Experiment


def with_absolute_paths(
    experiment: "Experiment", folder: str, origins: Mapping[Path, str]
) -> "Experiment":
    """The experiment with absolute paths of its data and vectors; remote ones stay.

    Args:
        experiment: as its file and ``--set`` state it.
        folder: of the file.
        origins: the fields that ``--set`` brought.
    """

    def absolute(path: str, *field: str) -> str:
        if "://" in path:
            return path
        # A path given on the command line starts where the command runs, as any other path there.
        given = any(field[:length] in origins for length in range(1, len(field) + 1))
        base = os.getcwd() if given else folder
        return os.path.normpath(os.path.join(base, os.path.expanduser(path)))

    features = dict(experiment.features)
    for name, vectors in features_with_vectors(features).items():
        file = absolute(vectors.file, "features", name, "vectors", "file")
        update = {"vectors": vectors.model_copy(update={"file": file})}
        features[name] = features[name].model_copy(update=update)
    path = absolute(experiment.data.path, "data", "path")
    data = experiment.data.model_copy(update={"path": path})
    return experiment.model_copy(update={"data": data, "features": features})
