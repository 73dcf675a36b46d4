"""The Keras model library: feature kinds, cells, layers, tasks, networks and their export."""
