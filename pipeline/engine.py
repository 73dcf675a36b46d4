"""Beam's engine: in memory here unless ``rondo run --beam`` says otherwise; imports no Beam."""

from collections.abc import Sequence

from components.errors import UserError
from pipeline.stack import LOCAL_BEAM_ARGS

RUNNER, MODE = "--runner", "--direct_running_mode"
REFUSED = {
    "DaskRunner": "it ends well with files that lack rows",
    "DirectRunner": "it downloads another engine where it can, so what runs depends on the network",
}
"""Runners by name, and why they are not used."""


def beam_args(given: Sequence[str]) -> tuple[str, ...]:
    """Beam's arguments: the given ones, after the defaults that they leave standing.

    Args:
        given: options as Beam takes them, ``--NAME=VALUE``.

    Raises:
        UserError: one is no option, or names an engine that is not used.
    """
    names = {}
    for option in given:
        name, equals, value = option.partition("=")
        if not name.startswith("--") or not equals or not value:
            raise UserError(f"--beam={option}: write an option as Beam takes it, --NAME=VALUE")
        names[name] = value
    reason = REFUSED.get(names.get(RUNNER, "").rpartition(".")[2])
    if reason:
        raise UserError(
            f"--beam={RUNNER}={names[RUNNER]}: {reason}; leave it out for the engine in memory, "
            "or name FlinkRunner, SparkRunner or DataflowRunner"
        )
    defaults = () if RUNNER in names else LOCAL_BEAM_ARGS
    return (*(one for one in defaults if one.partition("=")[0] not in names), *given)
