"""Embeddings: pretrained vectors from a text file to a matrix for what Transform learnt."""
