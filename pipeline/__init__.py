"""Joins the components to a pipeline, runs it, and answers on the command line."""
