"""Layers that know the lengths of right-padded sequences."""
