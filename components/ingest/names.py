"""What the files of the data are called in rows."""

import os

from components.ingest.options import DataOptions

WILDCARDS = frozenset("*?[")


def base_folder(options: DataOptions) -> str:
    """The folder that ``data.path`` names: up to its first wildcard, or that of its file."""
    base = options.path.rstrip("/")
    if "://" not in base and os.path.isdir(base):
        return base
    base = os.path.dirname(base)
    while base and not WILDCARDS.isdisjoint(base):
        base = os.path.dirname(base)
    return base


def name_in_data(path: str, options: DataOptions) -> str:
    """A file's name that no other file of the data has, the same on every machine.

    That is its path below the folder that ``data.path`` names; its own name if it is not below it.
    """
    base = base_folder(options)
    below = path.removeprefix(base + "/") if base else path
    return os.path.basename(path) if below == path else below


def stem(name: str) -> str:
    """A file's own name without ``.gz`` and its ending."""
    return os.path.splitext(os.path.basename(name).removesuffix(".gz"))[0]
