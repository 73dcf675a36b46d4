"""The node that lets TFDV judge: each split against the contract, the train split and the past.

Stands in the place of TFX's ExampleValidator, which cannot compare with other statistics.
"""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.experimental.simple_artifacts import File
from tfx.types.standard_artifacts import ExampleAnomalies, ExampleStatistics, Schema

from components.ingest.splits import SPLITS
from components.spec import ValidationConfig
from components.validate.anomalies import Difference, distances, schema_differences
from components.validate.compare import StatisticsList, comparable, comparators
from components.validate.contract import complete
from components.validate.profiling import PROFILE
from components.validate.schema import schema_of
from components.validate.statistics import read_statistics

ANOMALIES = "SchemaDiff.pb"
"""TFX's own name for a split's anomalies."""
DIFFERENCES = "differences.json"
CONTRACT = "schema.pbtxt"

Profiles = Mapping[str, Mapping[str, Any]]


class Data:
    """Statistics and profile of all splits of one run's data.

    Args:
        statistics: folder of StatisticsGen's output.
        profile: folder of the Profile node's.
    """

    def __init__(self, statistics: str, profile: str):
        self.statistics = {
            split: read_statistics(statistics, split, fileio.open) for split in SPLITS
        }
        with fileio.open(os.path.join(profile, PROFILE)) as file:
            self._profile: Profiles = json.loads(file.read())

    def comparable(self, split: str, features: list[str]) -> StatisticsList:
        """See ``components.validate.compare``."""
        return comparable(
            self.statistics[split].datasets[0], self._profile.get(split, {}), features
        )


def contract_of(config: ValidationConfig, train: statistics_pb2.DatasetFeatureStatistics):
    """The contract: what the schema file says or, if there is none yet, what is to stand in it."""
    if config.contract is not None:
        return text_format.Parse(config.contract, schema_pb2.Schema())
    return complete(schema_of(config.form), train, config.categories)


def validated(
    config: ValidationConfig, data: Data, previous: Data | None, contract: schema_pb2.Schema
) -> tuple[dict[str, anomalies_pb2.Anomalies], list[Difference]]:
    """Asks TFDV.

    Args:
        config: the node's share of the experiment.
        data: of this run.
        previous: of the last run whose model was blessed, if it had other data.
        contract: what they are held against.

    Returns:
        the anomalies of each split against the contract, and all that differs in our words.
    """
    found: dict[str, anomalies_pb2.Anomalies] = {}
    differences: list[Difference] = []
    for split in SPLITS:
        statistics = data.statistics[split].datasets[0]
        # A split without rows stops the run by itself; TFDV would call every feature missing.
        if not statistics.num_examples:
            found[split] = anomalies_pb2.Anomalies()
            continue
        found[split] = tfdv.validate_statistics(_of_features(statistics, contract), contract)
        differences += schema_differences(split, found[split], statistics, contract)
    differences += _distances(config, data, previous, contract)
    return found, differences


def _of_features(
    statistics: statistics_pb2.DatasetFeatureStatistics, contract: schema_pb2.Schema
) -> StatisticsList:
    """Without ids and the lengths of inner lists, which the contract does not state."""
    names = {feature.name for feature in contract.feature}
    kept = StatisticsList()
    dataset = kept.datasets.add(num_examples=statistics.num_examples)
    for feature in statistics.features:
        if (feature.name or feature.path.step[0]) in names:
            dataset.features.add().CopyFrom(feature)
    return kept


def _distances(
    config: ValidationConfig, data: Data, previous: Data | None, contract: schema_pb2.Schema
) -> Iterator[Difference]:
    train = data.comparable("train", config.compared)
    pairs = []
    if config.skew is not None:
        others = [(split, data.comparable(split, config.compared)) for split in SPLITS[1:]]
        pairs += [("skew", split, now, train, "train", config.skew) for split, now in others]
    if config.drift is not None and previous is not None:
        before = previous.comparable("train", config.compared)
        pairs.append(("drift", "train", train, before, "the last blessed run", config.drift))
    for check, split, now, before, other, threshold in pairs:
        if not (now.datasets[0].num_examples and before.datasets[0].num_examples):
            continue
        schema = comparators(now, before, threshold, contract, f"{check}_comparator")
        given = {"serving_statistics" if check == "skew" else "previous_statistics": before}
        anomalies = tfdv.validate_statistics(now, schema, **given)
        yield from distances(split, check, anomalies, now, before, other)


@component
def DataValidation(
    statistics: InputArtifact[ExampleStatistics],
    profile: InputArtifact[File],
    contract: OutputArtifact[Schema],
    anomalies: OutputArtifact[ExampleAnomalies],
    config: Parameter[str],
    previous_statistics: InputArtifact[ExampleStatistics] = None,
    previous_profile: InputArtifact[File] = None,
):
    """Writes the contract, the anomalies of each split, and ``differences.json``.

    ``config`` is a ``ValidationConfig`` as JSON.
    """
    read = ValidationConfig.model_validate_json(config)
    data = Data(statistics.uri, profile.uri)
    previous = None
    # What an earlier run wrote may have been removed to make room.
    given = [artifact.uri for artifact in (previous_statistics, previous_profile) if artifact]
    if len(given) == 2 and all(map(fileio.exists, given)):
        previous = Data(*given)
    stated = contract_of(read, data.statistics["train"].datasets[0])
    found, differences = validated(read, data, previous, stated)
    fileio.makedirs(contract.uri)
    with fileio.open(os.path.join(contract.uri, CONTRACT), "w") as file:
        file.write(text_format.MessageToString(stated))
    anomalies.split_names = artifact_utils.encode_split_names(list(SPLITS))
    for split, of_split in found.items():
        folder = artifact_utils.get_split_uri([anomalies], split)
        fileio.makedirs(folder)
        with fileio.open(os.path.join(folder, ANOMALIES), "wb") as file:
            file.write(of_split.SerializeToString())
    with fileio.open(os.path.join(anomalies.uri, DIFFERENCES), "w") as file:
        file.write(json.dumps(differences, ensure_ascii=False))
