"""Readers, one file each, found by the format that ``data.format`` names.

The contract: ``PATTERNS``, the names that the format's files have in a folder, and ``rows(stream,
path, options)``, see ``components.ingest.rows.Reader``.  A reader that takes a row from several
files also has ``companions(path)``, the other files that it reads beside ``path``.  Importing one
imports no TensorFlow.
"""
