"""Validate: the schema that the experiment states, and the gate that stops unusable data."""
