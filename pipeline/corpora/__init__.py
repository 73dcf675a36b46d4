"""Text corpora that the pipelines and their experiments read."""
