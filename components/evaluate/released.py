"""The last released model where no metadata store can be asked: the newest in the push directory.

``LastBlessedOtherModel`` asks the pipeline's metadata store.  On a cluster that store is the
cluster's own: TFX compiles no resolver strategy but its own two there, and Kubeflow's open-source
backend runs neither of them.  A component in a container runs everywhere.
"""

import os

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types.standard_artifacts import Model
from tfx.utils import io_utils, path_utils

from models.export import ABOUT


def newest_release(push_directory: str) -> str | None:
    """Folder of the newest version that holds a model of ours, if there is one.

    Args:
        push_directory: holds a folder a version, as the Pusher writes them.
    """
    if not fileio.isdir(push_directory):
        return None
    # Object stores list folders with a slash at the end.
    names = [name.rstrip("/") for name in fileio.listdir(push_directory)]
    versions = [
        name
        for name in names
        if name.isdecimal() and fileio.exists(os.path.join(push_directory, name, ABOUT))
    ]
    return os.path.join(push_directory, max(versions, key=int)) if versions else None


@component
def LastReleased(model: OutputArtifact[Model], push_directory: Parameter[str]):
    """Copies the newest model of ``push_directory``; leaves ``model`` empty if there is none."""
    release = newest_release(push_directory)
    if release is not None:
        io_utils.copy_dir(release, path_utils.serving_model_dir(model.uri))
