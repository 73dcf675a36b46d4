"""Simple models that stand beside the network: a network that does not beat them is not needed.

One file a subject.  For labels: ``majority``, ``logistic``, ``trees``, and ``networks`` (the
options that make the experiment's own network forget order).  For the next token: ``kneser_ney``
and ``window``.  For the steps to come: ``forecasts``.
"""
