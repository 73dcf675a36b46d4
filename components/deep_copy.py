"""Turns off an optimisation of Transform's that newer Beam breaks.

Where an analyzer depends on what another has learnt (the lengths of texts in subwords on the
subwords), Transform goes over the data twice, and TFX asks it to copy the part of the Beam pipeline
that reads them, so that they need not be kept in between.  The copy calls the constructor of Beam's
``AppliedPTransform``, which by now wants to know an environment and annotations too, and fails with
a TypeError (seen with TFT 1.16 on Beam 2.72).  Without the copy the data are kept in between.
"""

import inspect

from apache_beam.pipeline import AppliedPTransform
from tensorflow_transform.beam import deep_copy

COPIED = ("self", "parent", "transform", "full_label", "inputs")
"""What the constructor wanted when the copy was written."""


def turn_off_if_broken() -> None:
    """Lets Transform use the pipeline as it is where the copy could not be made."""
    wanted = [
        name
        for name, parameter in inspect.signature(AppliedPTransform.__init__).parameters.items()
        if parameter.default is inspect.Parameter.empty
    ]
    if len(wanted) > len(COPIED):
        deep_copy.deep_copy = _as_it_is


def _as_it_is(pcollection):
    return pcollection
