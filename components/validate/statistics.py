"""Reads what StatisticsGen wrote; imports neither TFX nor TFDV."""

import os
from collections.abc import Callable
from typing import Any

from tensorflow_metadata.proto.v0 import statistics_pb2

STATISTICS = "FeatureStats.pb"


def read_statistics(
    uri: str, split: str, opener: Callable[[str, str], Any] = open
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """The statistics of a split; of no rows, where the split has none.

    Args:
        uri: folder of the node's output.
        split: ``train``, ``validate`` or ``test``.
        opener: opens a file by its path and mode; TFX's where it may be remote.
    """
    with opener(os.path.join(uri, f"Split-{split}", STATISTICS), "rb") as file:
        found = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read())
    if not found.datasets:
        found.datasets.add()
    return found
