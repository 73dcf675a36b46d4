"""The baselines of an experiment, on its own splits and by its task's own statistics."""

TASKS = ("classify", "forecast", "tag", "track", "translate")
"""Tasks that have some."""
