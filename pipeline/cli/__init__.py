"""The command line: ``rondo``."""
