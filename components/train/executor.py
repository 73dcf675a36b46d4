"""TFX's Trainer, whose model artifact also shows the values that it was trained with."""

import json
import os
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.components.trainer.executor import GenericExecutor
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import artifact_utils

from components.embeddings.artifact import with_embeddings
from components.train.run import VALUES


class ShowingExecutor(GenericExecutor):
    """Executor of TFX's Trainer."""

    def _GetFnArgs(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> FnArgs:
        return with_embeddings(
            super()._GetFnArgs(input_dict, output_dict, exec_properties), input_dict
        )

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains, and puts network and training options on the model, a property each."""
        super().Do(input_dict, output_dict, exec_properties)
        run_dir = artifact_utils.get_single_uri(output_dict["model_run"])
        with tf.io.gfile.GFile(os.path.join(run_dir, VALUES)) as file:
            used = json.loads(file.read())
        model = artifact_utils.get_single_instance(output_dict["model"])
        for section in ("network", "training"):
            for name, value in used[section].items():
                shown = value if isinstance(value, str) else json.dumps(value)
                model.set_string_custom_property(f"{section}.{name}", shown)
