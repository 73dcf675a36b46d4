"""The data gate: stops the run at data that cannot be learnt or judged, before Transform.

Judges what ingest counted, what ``profile`` measured and what TFDV found, as the experiment's
``validate:`` says.
"""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types.experimental.simple_artifacts import File
from tfx.types.standard_artifacts import ExampleAnomalies, Examples

from components.ingest.splits import SPLITS
from components.ingest.summary import SUMMARY
from components.spec import GateConfig
from components.validate.anomalies import Difference, Search
from components.validate.checks import (
    judged,
    label_messages,
    profile_findings,
    summary_findings,
)
from components.validate.findings import Finding, UnfitData
from components.validate.profiling import PROFILE
from components.validate.rows import first_rows
from components.validate.validation import DIFFERENCES
from models.options import LabelCount
from models.raw import Raw

REPORT = "report.json"


@component
def DataGate(
    examples: InputArtifact[Examples],
    profile: InputArtifact[File],
    anomalies: InputArtifact[ExampleAnomalies],
    report: OutputArtifact[File],
    config: Parameter[str],
):
    """Stops at unusable data and writes ``report.json``; ``config`` is a ``GateConfig`` as JSON."""
    # A File and no type of our own: Kubeflow's containers find only TFX's types, or a class that
    # stands at the top of a package.
    read = GateConfig.model_validate_json(config)
    summary = _json(examples.uri, SUMMARY)
    labels = {
        split: {label: LabelCount(*count) for label, count in by_label.items()}
        for split, by_label in summary["labels"].items()
    }
    errors, warnings = label_messages(read.task, summary["rows"], labels)
    differences = [
        Difference(*entry[:-1], Search(*entry[-1])) for entry in _json(anomalies.uri, DIFFERENCES)
    ]
    label = read.task.label if read.task else None
    found = [
        *_with_rows(judged(differences, read.options), differences, examples.uri, read),
        *profile_findings(_json(profile.uri, PROFILE), read.options),
        *summary_findings(summary, label, read.options),
    ]
    # Stable: by what stops first.
    found.sort(key=lambda finding: finding.level != "stop")
    if errors or any(finding.level == "stop" for finding in found):
        raise UnfitData(errors, found)
    fileio.makedirs(report.uri)
    with fileio.open(os.path.join(report.uri, REPORT), "w") as file:
        content = {"rows": summary["rows"], "warnings": warnings}
        content["findings"] = [finding._asdict() for finding in found]
        file.write(json.dumps(content, indent=1, ensure_ascii=False))


def _json(folder: str, name: str) -> Any:
    with fileio.open(os.path.join(folder, name)) as file:
        return json.loads(file.read())


def _with_rows(
    found: list[Finding], differences: list[Difference], examples_uri: str, config: GateConfig
) -> Iterator[Finding]:
    """The findings that are checked, with rows that show them."""
    forms = {name: options.raw for name, options in config.features.items()}
    if config.task is not None:
        forms |= config.task.targets

    def length_of(name: str, value: Any) -> int:
        if forms[name].is_sequence or name not in config.features:
            return len(value)
        return len(config.features[name].tokens_of(value) or ())

    for split in SPLITS:
        places = [
            place
            for place, finding in enumerate(found)
            if finding.split == split and finding.level != "off"
        ]
        searches = [differences[place].search for place in places]
        rows = first_rows(examples_uri, split, searches, _searched(forms), length_of)
        for place, shown in zip(places, rows, strict=True):
            yield found[place]._replace(rows=shown)


def _searched(forms: Mapping[str, Raw]) -> dict[str, Raw]:
    """Forms whose values can be looked at: not those of files' bytes."""
    return {name: form for name, form in forms.items() if form.dtype != "bytes"}
