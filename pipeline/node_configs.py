"""Each node's share of an experiment, with a hash of the code that it runs; imports no TensorFlow.

Together with a node's inputs, its share is its cache key.
"""

from components.fingerprint import code_hash
from components.ingest.files import content_hashes
from components.spec import (
    Column,
    EvaluateConfig,
    GateConfig,
    IngestConfig,
    SchemaConfig,
    TrainConfig,
    TransformConfig,
)
from models.options import slice_module
from pipeline.experiment import Experiment


def columns(experiment: Experiment) -> dict[str, Column]:
    """The columns that the features read, by feature name."""
    return {
        name: Column(
            column=options.column or name,
            raw_type=options.raw_type,
            empty_is_a_value=options.empty_is_a_value,
            missing=options.missing,
        )
        for name, options in experiment.features.items()
    }


def ingest_config(experiment: Experiment) -> IngestConfig:
    """What ingest reads."""
    reader = f"components.ingest.{experiment.data.format}"
    return IngestConfig(
        data=experiment.data,
        columns=columns(experiment),
        label=experiment.task.label,
        contents=content_hashes(experiment.data),
        code=code_hash(["components.ingest.executor", reader]),
    )


def schema_config(experiment: Experiment) -> SchemaConfig:
    """What the schema is derived from."""
    return SchemaConfig(
        columns=columns(experiment),
        label=experiment.task.label,
        grouped=experiment.data.group is not None,
        code=code_hash(["components.validate.schema"]),
    )


def gate_config(experiment: Experiment) -> GateConfig:
    """What the data gate reads."""
    task = experiment.task
    modules = ["components.validate.gate", slice_module("tasks", task.kind)]
    return GateConfig(task=task, code=code_hash(modules))


def transform_config(experiment: Experiment) -> TransformConfig:
    """What Transform reads."""
    return TransformConfig(
        features=experiment.features,
        task=experiment.task,
        code=code_hash(["components.transform", *_graphs(experiment)]),
    )


def train_config(experiment: Experiment) -> TrainConfig:
    """What the Trainer reads."""
    cell = f"models.cells.{experiment.network.cell}"
    return TrainConfig(
        name=experiment.name,
        features=experiment.features,
        task=experiment.task,
        network=experiment.network,
        training=experiment.training,
        code=code_hash(["components.train.run", cell, *_graphs(experiment)]),
    )


def evaluate_config(experiment: Experiment) -> EvaluateConfig:
    """What the Evaluator reads."""
    graph = slice_module("tasks", experiment.task.kind) + ".graph"
    return EvaluateConfig(
        task=experiment.task,
        release=experiment.release,
        grouped=experiment.data.group is not None,
        code=code_hash(["components.evaluate.gate", graph]),
    )


def _graphs(experiment: Experiment) -> list[str]:
    kinds = sorted({options.kind for options in experiment.features.values()})
    slices = [slice_module("features", kind) for kind in kinds]
    return [f"{name}.graph" for name in [*slices, slice_module("tasks", experiment.task.kind)]]
