"""Ingest: rows of files to tf.Examples, split three ways."""
