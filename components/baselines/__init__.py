"""The baselines of an experiment, on its own splits and by its task's own statistics."""

TASKS = ("classify", "forecast", "generate", "tag", "track")
"""Tasks that have some."""
