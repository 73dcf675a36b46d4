"""Evaluate: one metric of ours on the exported model, thresholds, and the last blessed model."""
