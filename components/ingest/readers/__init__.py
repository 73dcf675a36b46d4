"""Readers, one file each, found by the name that ``data.format`` gives, or by dotted path.

A reader module has

* ``PATTERNS``: the names that the format's files have in a folder;
* ``Options``, its fields under ``data:``, a class that derives from
  ``components.ingest.options.DataOptions``; may be left out if it has none of its own;
* ``rows(stream, path, options)``, which yields a ``components.ingest.rows.Row`` for each record of
  a binary stream opened at ``path`` (unpacked if the name ends in ``.gz``), raises ``BadFile`` for
  a file that cannot be read as a whole, and neither closes nor keeps the stream.

What is no single file has, in place of ``rows``, ``read(part, options)``, which yields the rows of
a part.  It may also have

* ``companions(path, options)``: other local files that a file's rows depend on (their contents
  are part of the cache key);
* ``parts(options)``: what ``read`` is called with, ``(role, part)`` each, where these are not the
  files under ``data.path`` (key ranges of a table, say); ``role`` is the split they are given for,
  or ``all``.  Then also ``fingerprint(options)``, a text that changes when the data do.

Parts are read in any order, by any number of workers, each from its start.  Importing a reader
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
        problem = function_problem(f"{data_format}.rows")
        if problem is not None and function_problem(f"{data_format}.read") is None:
            problem = None
        return problem or function_problem(f"{data_format}.PATTERNS")
    names = reader_names()
    if data_format in names:
        return None
    allowed = f"allowed: {', '.join(names)}, or a reader's dotted path"
    return f"{data_format!r} came; {allowed}{did_you_mean(data_format, names)}"
