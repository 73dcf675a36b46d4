"""Readers, one file each, found by the name that ``data.format`` gives, or by dotted path.

The contract: ``PATTERNS``, the names that the format's files have in a folder, and ``rows(stream,
path, options)``, see ``components.ingest.rows.Reader``.  A reader that takes a row from several
files also has ``companions(path)``, the other files that it reads beside ``path``.  Importing one
imports no TensorFlow.
"""

from models.dotted import function_problem, module_names
from models.options import did_you_mean


def reader_names() -> list[str]:
    """Names of the readers that ship with Rondo."""
    return module_names(__name__)


def reader_module(data_format: str) -> str:
    """Dotted module of a reader: one of this folder, or the format itself if it is dotted."""
    return data_format if "." in data_format else f"{__name__}.{data_format}"


def reader_problem(data_format: str) -> str | None:
    """What is wrong with the name of a format, or None."""
    if "." in data_format:
        return function_problem(f"{data_format}.rows") or function_problem(
            f"{data_format}.PATTERNS"
        )
    names = reader_names()
    if data_format in names:
        return None
    allowed = f"allowed: {', '.join(names)}, or a reader's dotted path"
    return f"{data_format!r} came; {allowed}{did_you_mean(data_format, names)}"
