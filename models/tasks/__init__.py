"""Tasks: labels, head, loss, statistics, baseline and served outputs."""
