"""Which engine Beam is given."""

import pytest

from components.errors import UserError
from pipeline.engine import beam_args
from pipeline.stack import LOCAL_BEAM_ARGS


def test_what_is_given_replaces_the_default_of_its_name() -> None:
    assert beam_args(()) == LOCAL_BEAM_ARGS
    workers = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    runner, _, image = LOCAL_BEAM_ARGS
    assert beam_args(workers) == (runner, image, *workers)
    flink = ("--runner=FlinkRunner", "--flink_version=1.20")
    assert beam_args(flink) == flink


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("runner=FlinkRunner", "--NAME=VALUE"),
        ("--runner", "--NAME=VALUE"),
        ("--runner=DaskRunner", "files that lack rows"),
        ("--runner=apache_beam.runners.direct.DirectRunner", "depends on the network"),
    ],
)
def test_what_cannot_be_used_is_said(option: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        beam_args([option])
