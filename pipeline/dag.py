"""Joins the components to the pipeline of an experiment.

ingest -> statistics -> schema -> validation -> gate -> transform -> embeddings and tune (where the
experiment says so) -> train -> last blessed model -> evaluate -> push.  Only the Evaluator reads
the test split.
Each node gets its own share of the experiment and a hash of its own code, which together with its
inputs are its cache key.
"""

from collections.abc import Sequence
from typing import Any

from tfx.components import ExampleValidator, Pusher, StatisticsGen
from tfx.components import Transform as TfxTransform
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import metadata, pipeline
from tfx.proto import example_gen_pb2, pusher_pb2, transform_pb2
from tfx.types.channel import Channel
from tfx.types.standard_artifacts import Model, ModelBlessing

from components.embeddings.component import Embeddings
from components.embeddings.spec import EMBEDDINGS_KEY
from components.evaluate.baseline import LastBlessedOtherModel
from components.evaluate.gate import ReleaseEvaluator, eval_config
from components.evaluate.released import LastReleased
from components.ingest.component import Ingest
from components.ingest.executor import custom_config
from components.ingest.files import sources
from components.spec import TRAIN_KEY, TRANSFORM_KEY, TUNE_KEY
from components.train.component import NetworkTrainer
from components.tune.component import ParallelTuner
from components.validate.gate import DataGate
from components.validate.schema import ExperimentSchema
from models.features.vectors import features_with_vectors
from pipeline import node_configs
from pipeline.experiment import Experiment
from pipeline.nodes import (
    EMBED,
    EVALUATE,
    GATE,
    INGEST,
    LAST_BLESSED,
    PUSH,
    SCHEMA,
    STATISTICS,
    TRAIN,
    TRANSFORM,
    TUNE,
    VALIDATION,
)


def create_pipeline(
    experiment: Experiment,
    *,
    pipeline_root: str,
    metadata_path: str | None,
    push_directory: str,
    beam_args: Sequence[str],
    only_tune: bool = False,
) -> pipeline.Pipeline:
    """The experiment's pipeline.

    Args:
        experiment: the experiment, checked.
        pipeline_root: folder of the nodes' outputs.
        metadata_path: sqlite file of the ML Metadata store; None where the orchestrator keeps its
            own, as on Kubeflow.
        push_directory: where a blessed model goes, in a folder named by its version.
        beam_args: Beam's engine and its options.
        only_tune: whether to end at the Tuner.
    """
    base, given = sources(experiment.data)
    ingest = Ingest(
        input_base=base,
        input_config=example_gen_pb2.Input(
            splits=[
                example_gen_pb2.Input.Split(name=role, pattern=pattern) for role, pattern in given
            ]
        ),
        custom_config=custom_config(node_configs.ingest_config(experiment)),
    ).with_id(INGEST)
    examples = ingest.outputs["examples"]
    statistics = StatisticsGen(examples=examples, exclude_splits=["test"]).with_id(STATISTICS)
    schema_node = ExperimentSchema(config=node_configs.schema_config(experiment).to_json()).with_id(
        SCHEMA
    )
    schema = schema_node.outputs["schema"]
    validation = ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema, exclude_splits=["test"]
    ).with_id(VALIDATION)
    gate = DataGate(
        examples=examples,
        anomalies=validation.outputs["anomalies"],
        config=node_configs.gate_config(experiment).to_json(),
    ).with_id(GATE)
    transform = TfxTransform(
        examples=examples,
        schema=schema,
        preprocessing_fn="components.transform.preprocessing_fn",
        splits_config=transform_pb2.SplitsConfig(
            analyze=["train"], transform=["train", "validate"]
        ),
        disable_statistics=True,
        custom_config={TRANSFORM_KEY: node_configs.transform_config(experiment).to_json()},
    ).with_id(TRANSFORM)
    transform.add_upstream_node(gate)
    transformed = {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
    }
    embeddings = None
    if features_with_vectors(experiment.features):
        embeddings = Embeddings(
            **transformed, config=node_configs.embeddings_config(experiment).to_json()
        ).with_id(EMBED)
    read = {
        **transformed,
        "schema": schema,
        EMBEDDINGS_KEY: embeddings.outputs[EMBEDDINGS_KEY] if embeddings else None,
    }
    tuner = None
    if experiment.tune is not None and (experiment.tune.in_run or only_tune):
        tuner = ParallelTuner(
            **read,
            custom_config={TUNE_KEY: node_configs.tune_config(experiment).to_json()},
        ).with_id(TUNE)
    prepared = [ingest, statistics, schema_node, validation, gate, transform]
    prepared += [node for node in (embeddings, tuner) if node]
    judged: list[BaseNode] = []
    if experiment.task is not None and not only_tune:
        judged = _judged(experiment, read, examples, tuner, metadata_path, push_directory)
    return pipeline.Pipeline(
        pipeline_name=experiment.name,
        pipeline_root=pipeline_root,
        components=[*prepared, *judged],
        enable_cache=True,
        metadata_connection_config=(
            metadata.sqlite_metadata_connection_config(metadata_path) if metadata_path else None
        ),
        beam_pipeline_args=list(beam_args),
    )


def _judged(
    experiment: Experiment,
    read: dict[str, Any],
    examples: Any,
    tuner: BaseNode | None,
    metadata_path: str | None,
    push_directory: str,
) -> list[BaseNode]:
    """From the Trainer on: what an experiment with a task has beside its data."""
    trainer = NetworkTrainer(
        **read,
        hyperparameters=tuner.outputs["best_hyperparameters"] if tuner else None,
        custom_config={TRAIN_KEY: node_configs.train_config(experiment).to_json()},
    ).with_id(TRAIN)
    model = trainer.outputs["model"]
    last_blessed: BaseNode
    if metadata_path is None:
        # No resolver of ours runs there, see components.evaluate.released.
        last_blessed = LastReleased(push_directory=push_directory)
    else:
        last_blessed = Resolver(
            strategy_class=LastBlessedOtherModel,
            candidate=model,
            model=Channel(type=Model),
            model_blessing=Channel(type=ModelBlessing),
        )
    last_blessed = last_blessed.with_id(LAST_BLESSED)
    evaluator = ReleaseEvaluator(
        examples=examples,
        model=model,
        baseline_model=last_blessed.outputs["model"],
        eval_config=eval_config(node_configs.evaluate_config(experiment), experiment.task.label),
        example_splits=["test"],
        schema=read["schema"],
    ).with_id(EVALUATE)
    pusher = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=push_directory)
        ),
    ).with_id(PUSH)
    return [trainer, last_blessed, evaluator, pusher]
