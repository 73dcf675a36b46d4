"""TFX's Trainer with one more input: the embeddings that it begins with."""

from typing import Any

from tfx import types
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import trainer_pb2
from tfx.types.component_spec import ChannelParameter
from tfx.types.experimental.simple_artifacts import File
from tfx.types.standard_artifacts import Model, ModelRun
from tfx.types.standard_component_specs import TrainerSpec
from tfx.utils import json_utils

from components.embeddings.spec import EMBEDDINGS_KEY
from components.train.executor import ShowingExecutor


class NetworkTrainerSpec(TrainerSpec):
    """TFX's, and the embeddings."""

    INPUTS = {**TrainerSpec.INPUTS, EMBEDDINGS_KEY: ChannelParameter(type=File, optional=True)}


class NetworkTrainer(BaseComponent):
    """Trains on the train split and watches the validate split.

    Args:
        examples: transformed.
        transform_graph: Transform's.
        schema: of the raw examples.
        hyperparameters: what a search found best, if there was one.
        embeddings: what the Embeddings node wrote, if the experiment has one.
        custom_config: what ``components.train.run`` reads.
    """

    SPEC_CLASS = NetworkTrainerSpec
    EXECUTOR_SPEC = ExecutorClassSpec(ShowingExecutor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        schema: types.BaseChannel,
        hyperparameters: types.BaseChannel | None,
        embeddings: types.BaseChannel | None,
        custom_config: dict[str, Any],
    ):
        spec = NetworkTrainerSpec(
            examples=examples,
            transform_graph=transform_graph,
            schema=schema,
            hyperparameters=hyperparameters,
            embeddings=embeddings,
            run_fn="components.train.run.run_fn",
            train_args=trainer_pb2.TrainArgs(splits=["train"]),
            eval_args=trainer_pb2.EvalArgs(splits=["validate"]),
            custom_config=json_utils.dumps(custom_config),
            model=types.Channel(type=Model),
            model_run=types.Channel(type=ModelRun),
        )
        super().__init__(spec=spec)
