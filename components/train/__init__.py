"""Train: batches by length, the training loop, the export."""
