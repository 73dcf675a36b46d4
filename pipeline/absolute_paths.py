"""Where the relative paths of an experiment start: at its file, or where the command runs."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from models.features.vectors import features_with_vectors
from pipeline.yaml_positions import Path

SCHEMA_ENDING = ".schema.pbtxt"
"""What the name of an experiment's schema file ends in, unless it is named."""

if TYPE_CHECKING:
    from pipeline.experiment import Experiment


def with_absolute_paths(
    experiment: "Experiment", path: str, origins: Mapping[Path, str]
) -> "Experiment":
    """The experiment with absolute paths of data, vectors and schema file; remote ones stay.

    Args:
        experiment: as its file and ``--set`` state it.
        path: of its file.
        origins: the fields that ``--set`` brought.
    """

    folder, file_name = os.path.split(os.path.abspath(path))

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
    rows = absolute(experiment.data.path, "data", "path")
    data = experiment.data.model_copy(update={"path": rows})
    stem = os.path.splitext(file_name)[0]
    schema = experiment.validation.schema_file or f"{stem}{SCHEMA_ENDING}"
    given = () if experiment.validation.schema_file is None else ("validate", "schema_file")
    validation = experiment.validation.model_copy(update={"schema_file": absolute(schema, *given)})
    return experiment.model_copy(
        update={"data": data, "features": features, "validation": validation}
    )
