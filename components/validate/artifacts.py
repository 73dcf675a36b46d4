"""Artifact types of our own components."""

from tfx.types.artifact import Artifact


class DataReport(Artifact):
    """What the data gate found: ``report.json`` with warnings and rows by split."""

    TYPE_NAME = "RondoDataReport"
