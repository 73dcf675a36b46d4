"""The data gate: stops the run at data that cannot be learnt or judged, before Transform.

Reads what ingest counted (labels by split) and TFDV's anomalies against the experiment's schema.
"""

import json
import os
from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types.experimental.simple_artifacts import File
from tfx.types.standard_artifacts import ExampleAnomalies, Examples

from components.errors import DataError
from components.ingest.splits import SPLITS
from components.ingest.summary import SUMMARY
from components.spec import GateConfig
from models.options import LabelCount

REPORT = "report.json"


def check(
    config: GateConfig,
    rows: Mapping[str, int],
    labels: Mapping[str, Mapping[str, LabelCount]],
    anomalies: Mapping[str, anomalies_pb2.Anomalies],
) -> list[str]:
    """Judges the data.

    Args:
        config: the gate's share of the experiment.
        rows: by split.
        labels: by split, the count of each label.
        anomalies: by split, what TFDV found.

    Returns:
        warnings.

    Raises:
        DataError: something stops the run; the message names everything that does.
    """
    errors = [
        f"the {split} split has no rows; the splits have "
        + ", ".join(f"{name} {rows[name]}" for name in SPLITS)
        + " (add rows, or change data.split)"
        for split in SPLITS
        if rows[split] == 0
    ]
    warnings: list[str] = []
    if not errors and config.task is not None:
        errors, warnings = config.task.label_problems(labels)
    for split, found in anomalies.items():
        for name, anomaly in sorted(found.anomaly_info.items()):
            message = f"{split} split, feature {name!r}: {anomaly.description}"
            severe = anomaly.severity == anomalies_pb2.AnomalyInfo.ERROR
            (errors if severe else warnings).append(message)
    if errors:
        raise DataError("\n".join(errors))
    return warnings


@component
def DataGate(
    examples: InputArtifact[Examples],
    anomalies: InputArtifact[ExampleAnomalies],
    report: OutputArtifact[File],
    config: Parameter[str],
):
    """Stops at unusable data and writes ``report.json``; ``config`` is a ``GateConfig`` as JSON."""
    # A File and no type of our own: Kubeflow's containers find only TFX's types, or a class that
    # stands at the top of a package.
    with fileio.open(os.path.join(examples.uri, SUMMARY)) as file:
        summary = json.load(file)
    labels = {
        split: {label: LabelCount(*count) for label, count in by_label.items()}
        for split, by_label in summary["labels"].items()
    }
    found = {}
    for split in json.loads(anomalies.split_names):
        path = os.path.join(anomalies.uri, f"Split-{split}", "SchemaDiff.pb")
        with fileio.open(path, "rb") as file:
            found[split] = anomalies_pb2.Anomalies.FromString(file.read())
    rows = summary["rows"]
    warnings = check(GateConfig.model_validate_json(config), rows, labels, found)
    fileio.makedirs(report.uri)
    with fileio.open(os.path.join(report.uri, REPORT), "w") as file:
        file.write(json.dumps({"rows": rows, "warnings": warnings}, indent=1))
