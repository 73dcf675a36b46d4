"""The baselines of an experiment, on its own splits and by its task's own statistics."""

TASKS = ("caption", "classify", "forecast", "generate", "tag", "track", "transcribe", "translate")
"""Tasks that have some."""
