"""Folders and names of the files of the data; see also ``lines.name_in_data``."""

import os

from components.ingest.lines import WILDCARDS
from components.ingest.options import DataOptions


def base_folder(options: DataOptions) -> str:
    """The folder that ``data.path`` names: up to its first wildcard, or that of its file."""
    base = options.path.rstrip("/")
    if "://" not in base and os.path.isdir(base):
        return base
    base = os.path.dirname(base)
    while base and not WILDCARDS.isdisjoint(base):
        base = os.path.dirname(base)
    return base


def stem(name: str) -> str:
    """A file's own name without ``.gz`` and its ending."""
    return os.path.splitext(os.path.basename(name).removesuffix(".gz"))[0]
