"""What differs between the two generations of TFX, and what both need to run here."""

from importlib.metadata import version

LOCAL_BEAM_ARGS = (
    # The class, not its short name: "DirectRunner" tries to download another engine first.
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--direct_running_mode=in_memory",
)


def stack_name() -> str:
    """``current`` (TFX 1.21) or ``compat`` (TFX 1.16), by the TFX that is installed."""
    major, minor = version("tfx").split(".")[:2]
    return "current" if (int(major), int(minor)) >= (1, 17) else "compat"
