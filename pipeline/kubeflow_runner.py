"""Compiles an experiment's pipeline for Kubeflow Pipelines: PipelineSpec 2.1 in YAML.

The DAG is the one that runs here.  What differs: the cluster keeps the metadata and the nodes'
outputs, and a component in the place of a resolver finds the last released model.
"""

import json
import os
import sys
from pathlib import Path

import yaml
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import (
    KubeflowV2DagRunner,
    KubeflowV2DagRunnerConfig,
)

from components.errors import UserError
from pipeline import cluster, dag, environment, kubeflow_spec, node_configs, nodes
from pipeline.cluster import Target
from pipeline.experiment import Experiment, ExperimentError
from pipeline.stack import LOCAL_BEAM_ARGS

OUTPUT = "pipeline.yaml"


def compiled(experiment: Experiment, target: Target) -> str:
    """The experiment's pipeline as the YAML of a PipelineSpec.

    Args:
        experiment: the experiment.
        target: where it runs.

    Raises:
        kubeflow_spec.SpecError: what TFX compiled cannot run.
    """
    pipeline = dag.create_pipeline(
        experiment,
        pipeline_root=target.root,
        metadata_path=None,
        push_directory=target.pushed,
        beam_args=LOCAL_BEAM_ARGS,
    )
    config = KubeflowV2DagRunnerConfig(default_image=target.image, use_pipeline_spec_2_1=True)
    job = KubeflowV2DagRunner(config).run(pipeline, write_out=False)
    spec = job["pipelineSpec"]
    # TFX keeps the root for a job's settings, which are no part of a PipelineSpec.
    spec["defaultPipelineRoot"] = target.root
    for task in _uncached(experiment):
        del spec["root"]["dag"]["tasks"][task]["cachingOptions"]
    # Through JSON, so that nothing in it is a type of protobuf's, which YAML cannot write.
    text = yaml.safe_dump(json.loads(json.dumps(spec)), sort_keys=True, allow_unicode=True)
    kubeflow_spec.read(text)
    return text


def _uncached(experiment: Experiment) -> list[str]:
    """Nodes whose outcome can change while nothing in the compiled file does.

    Releases come and go, and rows and vectors that are not here can change under the same name.
    """
    contents_are_known = bool(node_configs.ingest_config(experiment).contents)
    uncached = [nodes.LAST_BLESSED, *([] if contents_are_known else [nodes.INGEST])]
    embeddings = node_configs.embeddings_config(experiment)
    files = {feature.vectors.file for feature in embeddings.features.values()}
    if files - set(embeddings.contents):
        uncached.append(nodes.EMBED)
    return uncached


def write(experiment: Experiment, target: Target, output: Path) -> None:
    """Compiles and writes the file, whole or not at all."""
    text = compiled(experiment, target)
    partial = output.with_name(output.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, output)


def main() -> None:
    """Compiles what the environment names to ``pipeline.yaml``, for TFX's own command line."""
    _, experiment = environment.named_experiment()
    target = cluster.target(
        experiment, os.environ.get(environment.ROOT), image=os.environ.get(environment.IMAGE)
    )
    write(experiment, target, Path(OUTPUT))
    print(f"wrote {OUTPUT}")


if __name__ == "__main__":
    try:
        main()
    except (UserError, ExperimentError) as error:
        sys.exit(str(error))
