"""What ``benchmarks/results.py`` runs, keeps and shows."""
