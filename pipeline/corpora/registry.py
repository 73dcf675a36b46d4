"""Data sets found by name."""

import importlib

from components.errors import UserError
from models.dotted import module_names
from models.options import did_you_mean
from pipeline.corpora.spec import DataSet

PACKAGE = "pipeline.corpora.sets"


def names() -> list[str]:
    """Names of all data sets."""
    return module_names(PACKAGE)


def named(name: str) -> DataSet:
    """The data set of a name.

    Raises:
        UserError: there is none.
    """
    if name not in names():
        raise UserError(
            f"{name}: no data set of that name{did_you_mean(name, names())} (there are "
            f"{', '.join(names())}; docs/data_sets.md says why other well-known ones are absent)"
        )
    return importlib.import_module(f"{PACKAGE}.{name}").SET
