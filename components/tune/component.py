"""TFX's Tuner with an executor that runs trials in parallel, and the embeddings as an input."""

from typing import Any

from tfx import types
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import trainer_pb2
from tfx.types.component_spec import ChannelParameter
from tfx.types.experimental.simple_artifacts import File
from tfx.types.standard_artifacts import HyperParameters, TunerResults
from tfx.types.standard_component_specs import TunerSpec
from tfx.utils import json_utils

from components.embeddings.spec import EMBEDDINGS_KEY
from components.tune.executor import ParallelTunerExecutor


class ParallelTunerSpec(TunerSpec):
    """TFX's, and the embeddings."""

    INPUTS = {**TunerSpec.INPUTS, EMBEDDINGS_KEY: ChannelParameter(type=File, optional=True)}


class ParallelTuner(BaseComponent):
    """Trains on the train split and judges by the validate split.

    Args:
        examples: transformed.
        transform_graph: Transform's.
        schema: of the raw examples.
        embeddings: what the Embeddings node wrote, if the experiment has one.
        custom_config: what ``components.tune.search`` reads.
    """

    SPEC_CLASS = ParallelTunerSpec
    EXECUTOR_SPEC = ExecutorClassSpec(ParallelTunerExecutor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        schema: types.BaseChannel,
        embeddings: types.BaseChannel | None,
        custom_config: dict[str, Any],
    ):
        spec = ParallelTunerSpec(
            examples=examples,
            transform_graph=transform_graph,
            schema=schema,
            embeddings=embeddings,
            tuner_fn="components.tune.search.tuner_fn",
            train_args=trainer_pb2.TrainArgs(splits=["train"]),
            eval_args=trainer_pb2.EvalArgs(splits=["validate"]),
            custom_config=json_utils.dumps(custom_config),
            best_hyperparameters=types.Channel(type=HyperParameters),
            tuner_results=types.Channel(type=TunerResults),
        )
        super().__init__(spec=spec)
