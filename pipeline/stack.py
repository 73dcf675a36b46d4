"""What differs between the two generations of TFX, and what both need to run here."""

LOCAL_BEAM_ARGS = (
    # The class, not its short name: "DirectRunner" tries to download another engine first.
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--direct_running_mode=in_memory",
)
